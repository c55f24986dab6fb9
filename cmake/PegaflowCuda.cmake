# PEGAFLOW_CUDA: whether kernels are compiled and GPU memory is supported. AUTO: if nvcc and the
# driver API's header are there. Nothing links CUDA; libcuda is loaded at run time.
# Sets pegaflow_cuda: whether it is built.
set(PEGAFLOW_CUDA AUTO CACHE STRING "Support GPU memory: ON, OFF, or AUTO (if nvcc is there)")
set_property(CACHE PEGAFLOW_CUDA PROPERTY STRINGS AUTO ON OFF)
# Machine code for these, and PTX of the newest for GPUs to come.
set(PEGAFLOW_CUDA_ARCHITECTURES 80 90 CACHE STRING "Compute capabilities of the kernels")

set(pegaflow_cuda OFF)
if(NOT PEGAFLOW_CUDA MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "PEGAFLOW_CUDA is \"${PEGAFLOW_CUDA}\", expected AUTO, ON or OFF")
endif()
if(PEGAFLOW_CUDA)
  find_program(PEGAFLOW_NVCC nvcc HINTS ENV CUDA_HOME ENV CUDA_PATH PATHS /usr/local/cuda
    PATH_SUFFIXES bin)
  if(PEGAFLOW_NVCC)
    get_filename_component(pegaflow_cuda_root ${PEGAFLOW_NVCC} REALPATH)
    get_filename_component(pegaflow_cuda_root ${pegaflow_cuda_root} DIRECTORY)
    find_path(PEGAFLOW_CUDA_INCLUDE cuda.h
      HINTS ${pegaflow_cuda_root}/../include ${pegaflow_cuda_root}/../targets/x86_64-linux/include)
  endif()
  if(PEGAFLOW_NVCC AND PEGAFLOW_CUDA_INCLUDE)
    set(pegaflow_cuda ON)
  elseif(NOT PEGAFLOW_CUDA STREQUAL "AUTO")
    message(FATAL_ERROR "PEGAFLOW_CUDA=ON, but nvcc or cuda.h was not found; install the CUDA "
      "toolkit, or set CUDA_HOME to where it is")
  endif()
endif()
if(pegaflow_cuda)
  message(STATUS "GPU memory: kernels for ${PEGAFLOW_CUDA_ARCHITECTURES} by ${PEGAFLOW_NVCC}")
else()
  message(STATUS "GPU memory: not supported by this build (PEGAFLOW_CUDA=${PEGAFLOW_CUDA})")
endif()

# pegaflow_fatbin(TARGET SOURCE.cu DEPENDS header …): compiles the kernels to SOURCE.fatbin, for
# fatbin.cc of TARGET to include.
function(pegaflow_fatbin target source)
  cmake_parse_arguments(ARG "" "" "DEPENDS" ${ARGN})
  get_filename_component(name ${source} NAME_WE)
  set(fatbin ${CMAKE_CURRENT_BINARY_DIR}/${name}.fatbin)
  foreach(architecture IN LISTS PEGAFLOW_CUDA_ARCHITECTURES)
    list(APPEND code -gencode arch=compute_${architecture},code=sm_${architecture})
  endforeach()
  list(GET PEGAFLOW_CUDA_ARCHITECTURES -1 newest)
  list(APPEND code -gencode arch=compute_${newest},code=compute_${newest})
  add_custom_command(
    OUTPUT ${fatbin}
    COMMAND ${PEGAFLOW_NVCC} --fatbin -std=c++20 -O3 -lineinfo --expt-relaxed-constexpr
            -Werror all-warnings ${code}
            -I${PROJECT_SOURCE_DIR}/src -I${PROJECT_SOURCE_DIR}/include
            -o ${fatbin} ${CMAKE_CURRENT_SOURCE_DIR}/${source}
    DEPENDS ${source} ${ARG_DEPENDS}
    COMMENT "Compiling kernels ${source}"
    VERBATIM)
  set_source_files_properties(cuda/fatbin.cc PROPERTIES
    OBJECT_DEPENDS ${fatbin}
    COMPILE_DEFINITIONS "PEGAFLOW_FATBIN=\"${fatbin}\"")
  target_sources(${target} PRIVATE cuda/fatbin.cc)
endfunction()
