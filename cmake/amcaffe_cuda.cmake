# installed by amcaffe
# CUDA by CMake's own language support, in place of FindCUDA: that module is gone under CMake's
# policies of today, and the architectures that it and Caffe know end with sm_61. Included by cmake/Cuda.cmake
# where that looks for CUDA; what the rest of Caffe's CMake calls and reads is defined here.
#
#   CUDA_TOOLKIT_ROOT_DIR     toolkit; otherwise the one of the nvcc that CMake finds
#   CMAKE_CUDA_ARCHITECTURES  as CMake has it (90, 80-real, native, all-major); default: native
#                             where a GPU is seen, else all-major
#   CUDNN_ROOT                folder of cuDNN's include and lib, where not among the toolkit's
cmake_policy(VERSION 3.25)  # of this file and of what it defines only

if(CMAKE_VERSION VERSION_LESS 3.25)
  message(FATAL_ERROR "CMake ${CMAKE_VERSION} is too old for a CUDA build: 3.25 or later is "
                      "needed. pip install cmake brings it, or configure with -DCPU_ONLY=ON.")
endif()

if(NOT CMAKE_CUDA_ARCHITECTURES AND NOT DEFINED ENV{CUDAARCHS})
  file(GLOB amcaffe_gpus /dev/nvidia[0-9]* /dev/dxg)
  if(amcaffe_gpus)
    set(CMAKE_CUDA_ARCHITECTURES native)
  else()
    set(CMAKE_CUDA_ARCHITECTURES all-major)
  endif()
endif()
if(CUDA_TOOLKIT_ROOT_DIR)
  set(CUDAToolkit_ROOT "${CUDA_TOOLKIT_ROOT_DIR}")
  list(APPEND CMAKE_PREFIX_PATH "${CUDA_TOOLKIT_ROOT_DIR}")  # cuDNN and NCCL may be in it
  if(NOT CMAKE_CUDA_COMPILER)
    set(CMAKE_CUDA_COMPILER "${CUDA_TOOLKIT_ROOT_DIR}/bin/nvcc")
  endif()
endif()
if(NOT CMAKE_CUDA_HOST_COMPILER)
  set(CMAKE_CUDA_HOST_COMPILER "${CMAKE_CXX_COMPILER}")  # .cu and .cpp share an ABI
endif()

# Paths and not targets, as Caffe exports what it links.
macro(find_cuda_helper_libs name)
  if(TARGET CUDA::${name})
    get_target_property(CUDA_${name}_LIBRARY CUDA::${name} IMPORTED_LOCATION)
  elseif(CUDA_FOUND)
    message(FATAL_ERROR "the CUDA toolkit in ${CUDAToolkit_LIBRARY_DIR} lacks lib${name}.so")
  endif()
endmacro()

set(CUDA_FOUND FALSE)
include(CheckLanguage)
check_language(CUDA)
if(NOT CMAKE_CUDA_COMPILER)
  return()
endif()
enable_language(CUDA)
find_package(CUDAToolkit REQUIRED)
set(CUDA_FOUND TRUE)
set(CUDA_VERSION "${CUDAToolkit_VERSION_MAJOR}.${CUDAToolkit_VERSION_MINOR}")
set(CUDA_INCLUDE_DIRS ${CUDAToolkit_INCLUDE_DIRS})
foreach(folder ${CUDAToolkit_INCLUDE_DIRS})
  if(EXISTS "${folder}/cccl/thrust")  # where Thrust, which .cpp files include too, is since 13
    list(APPEND CUDA_INCLUDE_DIRS "${folder}/cccl")
  endif()
endforeach()
list(REMOVE_DUPLICATES CUDA_INCLUDE_DIRS)  # CMake 4 has named it already
set(CMAKE_CUDA_RUNTIME_LIBRARY Shared)  # one runtime for libcaffe, cuBLAS and cuDNN
set(CMAKE_CUDA_FLAGS "${CMAKE_CUDA_FLAGS} -Xcompiler=-fPIC")

find_cuda_helper_libs(cudart)
find_cuda_helper_libs(cublas)
set(CUDA_CUDART_LIBRARY "${CUDA_cudart_LIBRARY}")
set(CUDA_CUBLAS_LIBRARIES "${CUDA_cublas_LIBRARY}")

# Architectures go to the compiler by CMAKE_CUDA_ARCHITECTURES, and not as flags.
function(caffe_select_nvcc_arch_flags out_variable)
  foreach(name CUDA_ARCH_NAME CUDA_ARCH_BIN CUDA_ARCH_PTX)
    if(${name})
      message(WARNING "${name} is no longer read; CMAKE_CUDA_ARCHITECTURES is "
                      "${CMAKE_CUDA_ARCHITECTURES}")
    endif()
  endforeach()
  set(${out_variable} "" PARENT_SCOPE)
  set(${out_variable}_readable ${CMAKE_CUDA_ARCHITECTURES} PARENT_SCOPE)
endfunction()

# Targets have these folders already, for C++ and CUDA alike.
macro(cuda_include_directories)
endmacro()

# .cu files are sources like any other; what is in CUDA_NVCC_FLAGS goes to them, save a C++
# standard: nvcc's own default is what its headers need.
function(caffe_cuda_compile objlist_variable)
  set(flags ${CUDA_NVCC_FLAGS})
  list(FILTER flags EXCLUDE REGEX "^-std=")
  set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS "${flags}")
  # A test launches libcaffe's kernels of im2col. nvcc since 13 keeps a kernel to its library, and
  # a kernel template to its file, as each file's device code may hold another; here one does.
  if(NOT CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 13)
    set(shared ${ARGN})
    list(FILTER shared INCLUDE REGEX "/(im2col|test_im2col_kernel)\\.cu$")
    set_property(SOURCE ${shared} APPEND PROPERTY COMPILE_OPTIONS
                 --device-entity-has-hidden-visibility=false -static-global-template-stub=false)
  endif()
  set(${objlist_variable} ${ARGN} PARENT_SCOPE)
endfunction()

function(detect_cuDNN)
  set(CUDNN_ROOT "" CACHE PATH "Folder of cuDNN's include and lib")
  find_path(CUDNN_INCLUDE cudnn.h
            HINTS ${CUDNN_ROOT} $ENV{CUDNN_ROOT} PATHS ${CUDAToolkit_INCLUDE_DIRS}
            PATH_SUFFIXES include DOC "Path to cuDNN include directory.")
  find_library(CUDNN_LIBRARY cudnn
               HINTS ${CUDNN_ROOT} $ENV{CUDNN_ROOT} PATHS ${CUDAToolkit_LIBRARY_DIR}
               PATH_SUFFIXES lib64 lib DOC "Path to cuDNN library.")
  mark_as_advanced(CUDNN_INCLUDE CUDNN_LIBRARY CUDNN_ROOT)
  if(NOT CUDNN_INCLUDE OR NOT CUDNN_LIBRARY)
    message(STATUS "cuDNN is not found (CUDNN_ROOT tells where it is): building without it")
    return()
  endif()

  set(header "${CUDNN_INCLUDE}/cudnn_version.h")  # since cuDNN 8
  if(NOT EXISTS "${header}")
    set(header "${CUDNN_INCLUDE}/cudnn.h")
  endif()
  file(STRINGS "${header}" lines REGEX "#define +CUDNN_(MAJOR|MINOR|PATCHLEVEL) +[0-9]+")
  string(REGEX MATCHALL "[0-9]+" numbers "${lines}")
  string(JOIN "." version ${numbers})

  # The calls by which layers choose an algorithm left with cuDNN 8; the host's header includes
  # ours, which has them, where the rest of it is of a cuDNN recent enough.
  file(READ "${PROJECT_SOURCE_DIR}/include/caffe/util/cudnn.hpp" host)
  if(NOT version VERSION_LESS 8 AND NOT host MATCHES "cudnn_algorithms.hpp")
    message(STATUS "cuDNN ${version} lacks what these sources call: building without it")
    return()
  endif()
  message(STATUS "Found cuDNN: ver. ${version} found (include: ${CUDNN_INCLUDE}, "
                 "library: ${CUDNN_LIBRARY})")
  set(HAVE_CUDNN TRUE PARENT_SCOPE)
  set(CUDNN_FOUND TRUE PARENT_SCOPE)
  set(CUDNN_VERSION "${version}" PARENT_SCOPE)
endfunction()
