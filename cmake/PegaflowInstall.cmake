# `cmake --install`: the libraries of src/, the public headers, and a package file for
# find_package(pegaflow COMPONENTS client agent). Included last, when all folders are known.
include(CMakePackageConfigHelpers)

set(pegaflow_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/pegaflow)
get_property(pegaflow_libraries GLOBAL PROPERTY PEGAFLOW_INSTALLED_LIBRARIES)
install(TARGETS pegaflow_public ${pegaflow_libraries} EXPORT pegaflow_targets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT pegaflow_targets NAMESPACE pegaflow:: DESTINATION ${pegaflow_package_dir}
  FILE pegaflow-targets.cmake)

# Sets `out` to the packages whose imported targets `target` needs, directly or not. An imported
# target's namespace is its package's name (spdlog::spdlog comes from spdlog).
function(pegaflow_packages_of target out)
  set(todo ${target})
  set(seen)
  set(packages)
  while(todo)
    list(POP_FRONT todo library)
    if(library IN_LIST seen)
      continue()
    endif()
    list(APPEND seen ${library})
    if(library MATCHES "^([^$<>:]+)::")
      list(APPEND packages ${CMAKE_MATCH_1})
    elseif(TARGET ${library})
      get_target_property(libraries ${library} INTERFACE_LINK_LIBRARIES)
      if(libraries)
        string(REGEX REPLACE "\\$<LINK_ONLY:([^>]+)>" "\\1" libraries "${libraries}")
        list(APPEND todo ${libraries})
      endif()
    endif()
  endwhile()
  list(REMOVE_DUPLICATES packages)
  list(REMOVE_ITEM packages pegaflow)
  set(${out} "${packages}" PARENT_SCOPE)
endfunction()

set(pegaflow_components)
foreach(component client agent)
  if(TARGET pegaflow_${component})
    list(APPEND pegaflow_components ${component})
    pegaflow_packages_of(pegaflow_${component} pegaflow_${component}_packages)
  endif()
endforeach()

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/pegaflow-config.cmake.in
  ${PROJECT_BINARY_DIR}/pegaflow-config.cmake INSTALL_DESTINATION ${pegaflow_package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/pegaflow-config-version.cmake
  COMPATIBILITY SameMinorVersion)
file(GLOB pegaflow_find_modules CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/Find*.cmake)
install(FILES ${PROJECT_BINARY_DIR}/pegaflow-config.cmake
  ${PROJECT_BINARY_DIR}/pegaflow-config-version.cmake ${pegaflow_find_modules}
  DESTINATION ${pegaflow_package_dir})

# Units name the programs by their installed path.
set(PEGAFLOW_BINDIR ${CMAKE_INSTALL_FULL_BINDIR})
set(PEGAFLOW_DOCDIR ${CMAKE_INSTALL_FULL_DOCDIR})
foreach(unit pegaflow-agent@.service pegaflow-rendezvous.service)
  configure_file(${PROJECT_SOURCE_DIR}/deploy/systemd/${unit}.in ${PROJECT_BINARY_DIR}/deploy/${unit}
    @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/deploy/${unit} DESTINATION lib/systemd/system)
endforeach()
install(FILES ${PROJECT_SOURCE_DIR}/deploy/sysusers.d/pegaflow.conf DESTINATION lib/sysusers.d)
install(FILES ${PROJECT_SOURCE_DIR}/deploy/tmpfiles.d/pegaflow.conf DESTINATION lib/tmpfiles.d)
install(FILES ${PROJECT_SOURCE_DIR}/deploy/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
