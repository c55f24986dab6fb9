# Finds UCX and defines the imported target UCX::ucp (headers, libucp, libucs) and UCX_VERSION.
#
# Looked at in this order:
#   UCX_ROOT (cache, CMake or environment variable): a prefix with include/ and lib/. The folder
#     `libucx` of an unpacked libucx-cu12/-cu13 wheel is such a prefix; its sibling
#     `libucx_cu*.libs` must lie beside it, or UCX silently runs without CUDA.
#   pkg-config's `ucx`, then the system's folders.
# CMake puts the library's folder into the build RPATH of programs; CMAKE_INSTALL_RPATH_USE_LINK_PATH
# keeps it in installed ones.
find_package(PkgConfig QUIET)
if(PKG_CONFIG_FOUND AND NOT UCX_ROOT AND NOT DEFINED ENV{UCX_ROOT})
  pkg_check_modules(PC_UCX QUIET ucx)
endif()

find_path(UCX_INCLUDE_DIR ucp/api/ucp.h HINTS ${PC_UCX_INCLUDE_DIRS})
find_library(UCX_UCP_LIBRARY ucp HINTS ${PC_UCX_LIBRARY_DIRS})
find_library(UCX_UCS_LIBRARY ucs HINTS ${PC_UCX_LIBRARY_DIRS})
mark_as_advanced(UCX_INCLUDE_DIR UCX_UCP_LIBRARY UCX_UCS_LIBRARY)

# The header says major.minor, which is what programs are compiled against.
if(UCX_INCLUDE_DIR)
  file(STRINGS ${UCX_INCLUDE_DIR}/ucp/api/ucp_version.h ucx_version_lines REGEX "UCP_API_M")
  if(ucx_version_lines MATCHES "UCP_API_MAJOR +([0-9]+).*UCP_API_MINOR +([0-9]+)")
    set(UCX_VERSION ${CMAKE_MATCH_1}.${CMAKE_MATCH_2})
  endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(UCX
  REQUIRED_VARS UCX_UCP_LIBRARY UCX_UCS_LIBRARY UCX_INCLUDE_DIR VERSION_VAR UCX_VERSION)

if(UCX_FOUND)
  cmake_path(GET UCX_UCP_LIBRARY PARENT_PATH ucx_library_dir)
  cmake_path(GET ucx_library_dir PARENT_PATH ucx_prefix)
  if(EXISTS ${ucx_prefix}/UCX_WHEEL_VERSION.txt)
    cmake_path(GET ucx_prefix PARENT_PATH ucx_site)
    file(GLOB ucx_wheel_siblings ${ucx_site}/libucx_cu*.libs)
    if(NOT ucx_wheel_siblings)
      message(WARNING "UCX from the wheel at ${ucx_prefix} lacks its sibling folder "
        "${ucx_site}/libucx_cu*.libs: UCX will take GPU memory for host memory")
    endif()
  endif()
endif()

if(UCX_FOUND AND NOT TARGET UCX::ucp)
  add_library(UCX::ucs UNKNOWN IMPORTED)
  set_target_properties(UCX::ucs PROPERTIES IMPORTED_LOCATION ${UCX_UCS_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${UCX_INCLUDE_DIR})
  add_library(UCX::ucp UNKNOWN IMPORTED)
  set_target_properties(UCX::ucp PROPERTIES IMPORTED_LOCATION ${UCX_UCP_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${UCX_INCLUDE_DIR} INTERFACE_LINK_LIBRARIES UCX::ucs)
endif()
