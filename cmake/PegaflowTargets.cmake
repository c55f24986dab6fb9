# What each folder's CMakeLists.txt is written with: pegaflow_library, pegaflow_program and
# pegaflow_test.
include(GNUInstallDirs)
include(GoogleTest)

# All tests that this build has, and nothing that they do not need.
add_custom_target(pegaflow_tests)

function(pegaflow_compile_options target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
    -Wno-sign-conversion -Werror -fno-omit-frame-pointer
    # clang reports that libstdc++ 12's stable_sort calls a deprecated function of libstdc++'s own;
    # what this project would call GCC reports.
    $<$<CXX_COMPILER_ID:Clang>:-Wno-deprecated-declarations>)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON)
endfunction()

# Short names of folders become pegaflow_NAME; imported targets (with ::) stay.
function(pegaflow_resolve out)
  set(resolved)
  foreach(name IN LISTS ARGN)
    if(name MATCHES "::")
      list(APPEND resolved ${name})
    else()
      list(APPEND resolved pegaflow_${name})
    endif()
  endforeach()
  set(${out} ${resolved} PARENT_SCOPE)
endfunction()

# pegaflow_library(NAME SOURCES … [DEPENDS …] [PRIVATE_DEPENDS …]): the static library of one folder,
# as target pegaflow_NAME and as pegaflow::NAME for those who find the installed package.
# DEPENDS are other folders' short names or imported targets. Libraries outside src/ (helpers of
# tests) are not installed.
function(pegaflow_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;PRIVATE_DEPENDS" ${ARGN})
  set(target pegaflow_${name})
  add_library(${target} STATIC ${ARG_SOURCES})
  add_library(pegaflow::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  pegaflow_compile_options(${target})
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>)
  pegaflow_resolve(public_deps ${ARG_DEPENDS})
  pegaflow_resolve(private_deps ${ARG_PRIVATE_DEPENDS})
  target_link_libraries(${target} PUBLIC pegaflow_public ${public_deps} PRIVATE ${private_deps})
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  if(folder MATCHES "^src/")
    set_property(GLOBAL APPEND PROPERTY PEGAFLOW_INSTALLED_LIBRARIES ${target})
  endif()
endfunction()

# pegaflow_program(NAME SOURCES … DEPENDS …): an installed program.
function(pegaflow_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  pegaflow_compile_options(${name})
  pegaflow_resolve(deps ${ARG_DEPENDS})
  target_link_libraries(${name} PRIVATE ${deps})
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

# pegaflow_test(NAME SOURCES … DEPENDS … [LABELS …] [TIMEOUT s]): one GoogleTest program,
# registered with CTest as one test per case. Labels that mean something:
#   serial  runs with nothing beside it        tsan  runs in the ThreadSanitizer build as well
#   ucx     needs UCX and its devices          (default: unit)
function(pegaflow_test name)
  cmake_parse_arguments(ARG "NO_MAIN" "TIMEOUT" "SOURCES;DEPENDS;LABELS" ${ARGN})
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  add_executable(${name} EXCLUDE_FROM_ALL ${ARG_SOURCES})
  pegaflow_compile_options(${name})
  # Optimising gtest's templates takes most of a test's compile time; the code under test keeps its
  # optimisation.
  target_compile_options(${name} PRIVATE $<$<CONFIG:Debug>:-O0>)
  pegaflow_resolve(deps ${ARG_DEPENDS})
  target_link_libraries(${name} PRIVATE ${deps} GTest::gtest GTest::gmock)
  if(NOT ARG_NO_MAIN)
    target_link_libraries(${name} PRIVATE GTest::gtest_main)
  endif()
  if(NOT "${ARG_LABELS}" MATCHES "${PEGAFLOW_TEST_LABELS}")
    return()  # the target exists, because its folder may set more on it; nothing builds it
  endif()
  set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL OFF)
  add_dependencies(pegaflow_tests ${name})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  math(EXPR ARG_TIMEOUT "${ARG_TIMEOUT} * ${PEGAFLOW_TEST_TIMEOUT_FACTOR}")
  set(properties TIMEOUT ${ARG_TIMEOUT})
  if("serial" IN_LIST ARG_LABELS)
    list(APPEND properties RUN_SERIAL TRUE)
  endif()
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
    TEST_PREFIX ${name}. NO_PRETTY_VALUES TEST_LIST ${name}_cases
    PROPERTIES ${properties})
  # gtest_discover_tests flattens lists, so a test would keep only its first label.
  set(label_file ${CMAKE_CURRENT_BINARY_DIR}/${name}_labels.cmake)
  file(CONFIGURE OUTPUT ${label_file} @ONLY CONTENT
    "foreach(case IN LISTS @name@_cases)\n  set_tests_properties(\"\${case}\" PROPERTIES LABELS \"@ARG_LABELS@\")\nendforeach()\n")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${label_file})
endfunction()
