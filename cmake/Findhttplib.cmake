# Finds cpp-httplib and defines the imported target httplib::httplib.
#
# Looked at in this order: the package's own CMake file (header-only installations), pkg-config's
# `cpp-httplib` (Debian: compiled, and its macros must be the library's). src/http uses parts that
# differ between releases, so the version is the one it is written for: 0.11.
find_package(httplib CONFIG QUIET)
if(NOT TARGET httplib::httplib)
  find_package(PkgConfig QUIET)
  if(PKG_CONFIG_FOUND)
    pkg_check_modules(PC_HTTPLIB QUIET IMPORTED_TARGET cpp-httplib)
    set(httplib_VERSION ${PC_HTTPLIB_VERSION})
  endif()
  if(TARGET PkgConfig::PC_HTTPLIB)
    add_library(httplib::httplib INTERFACE IMPORTED)
    target_link_libraries(httplib::httplib INTERFACE PkgConfig::PC_HTTPLIB)
  endif()
endif()

if(TARGET httplib::httplib)
  set(httplib_target httplib::httplib)
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(httplib
  REQUIRED_VARS httplib_target VERSION_VAR httplib_VERSION HANDLE_VERSION_RANGE)
