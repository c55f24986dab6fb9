# pegaflow_library(NAME SOURCES … [DEPENDS …] [PRIVATE_DEPENDS …]): the static library of one folder,
# as target pegaflow_NAME. DEPENDS are other folders' short names or imported targets.
include(GNUInstallDirs)

function(pegaflow_compile_options target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
    -Wno-sign-conversion -Werror -fno-omit-frame-pointer)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON)
endfunction()

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

function(pegaflow_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;PRIVATE_DEPENDS" ${ARGN})
  add_library(pegaflow_${name} STATIC ${ARG_SOURCES})
  pegaflow_compile_options(pegaflow_${name})
  target_include_directories(pegaflow_${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  pegaflow_resolve(public_deps ${ARG_DEPENDS})
  pegaflow_resolve(private_deps ${ARG_PRIVATE_DEPENDS})
  target_link_libraries(pegaflow_${name} PUBLIC ${public_deps} PRIVATE ${private_deps})
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
# registered with CTest as one test per case.
include(GoogleTest)
function(pegaflow_test name)
  cmake_parse_arguments(ARG "NO_MAIN" "TIMEOUT" "SOURCES;DEPENDS;LABELS" ${ARGN})
  if(NOT PEGAFLOW_TESTS)
    return()
  endif()
  add_executable(${name} ${ARG_SOURCES})
  pegaflow_compile_options(${name})
  pegaflow_resolve(deps ${ARG_DEPENDS})
  target_link_libraries(${name} PRIVATE ${deps} GTest::gtest GTest::gmock)
  if(NOT ARG_NO_MAIN)
    target_link_libraries(${name} PRIVATE GTest::gtest_main)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
    PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
endfunction()
