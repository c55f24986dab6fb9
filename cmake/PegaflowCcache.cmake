# Compiles through ccache where it is installed, with keys that do not depend on the name of the
# build folder: the preset builds and a fresh clone's first build share their objects.
option(PEGAFLOW_CCACHE "Compile through ccache when it is installed" ON)
find_program(PEGAFLOW_CCACHE_PROGRAM ccache)
mark_as_advanced(PEGAFLOW_CCACHE_PROGRAM)

if(PEGAFLOW_CCACHE AND PEGAFLOW_CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  foreach(language CXX CUDA)
    set(CMAKE_${language}_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1
      ${PEGAFLOW_CCACHE_PROGRAM})
  endforeach()
endif()
