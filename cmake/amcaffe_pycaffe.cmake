# installed by amcaffe
# Asks PYTHON_EXECUTABLE itself what pycaffe's pybind11 binding is compiled with, so that it may be
# any Python: a distribution's, conda's, pyenv's, uv's, or a virtual environment of one of them.
# Sets PYTHON_INCLUDE_DIRS (Python's and pybind11's headers), PYTHON_VERSION_STRING and
# PYCAFFE_SUFFIX (what this Python alone loads). A module needs no libpython: its interpreter has
# those symbols.
if(NOT PYTHON_EXECUTABLE)
  find_program(PYTHON_EXECUTABLE NAMES python3 python)
endif()
execute_process(
  COMMAND "${PYTHON_EXECUTABLE}" -c "
import platform, sysconfig
print(platform.python_version())
print(sysconfig.get_config_var('EXT_SUFFIX'))
print(sysconfig.get_path('include'))
import pybind11
print(pybind11.get_include())"
  OUTPUT_VARIABLE __pycaffe_facts ERROR_VARIABLE __pycaffe_error OUTPUT_STRIP_TRAILING_WHITESPACE
  RESULT_VARIABLE __pycaffe_status)
if(NOT __pycaffe_status EQUAL 0)
  message(FATAL_ERROR "pycaffe: ${PYTHON_EXECUTABLE} has no pybind11 (${__pycaffe_error}). "
          "Install it: ${PYTHON_EXECUTABLE} -m pip install pybind11")
endif()
string(REPLACE "\n" ";" __pycaffe_facts "${__pycaffe_facts}")
list(GET __pycaffe_facts 0 PYTHON_VERSION_STRING)
list(GET __pycaffe_facts 1 PYCAFFE_SUFFIX)
list(GET __pycaffe_facts 2 3 PYTHON_INCLUDE_DIRS)
list(GET __pycaffe_facts 2 __pycaffe_headers)
if(NOT EXISTS "${__pycaffe_headers}/Python.h")
  message(FATAL_ERROR "pycaffe: ${PYTHON_EXECUTABLE} has no ${__pycaffe_headers}/Python.h. "
          "Install its headers (Debian: apt-get install python3-dev)")
endif()
set(PYTHONINTERP_FOUND TRUE)
set(PYTHON_LIBRARIES "")

# For src/pycaffe/CMakeLists.txt: what this tree's libcaffe and binding are compiled with.
if(NOT PROJECT_NAME STREQUAL "pycaffe")
  file(GENERATE OUTPUT "${PROJECT_BINARY_DIR}/pycaffe_flags.cmake" CONTENT
"set(LIBCAFFE \"$<TARGET_FILE:caffe>\")
set(PYCAFFE_DEFINITIONS \"$<TARGET_PROPERTY:pycaffe,COMPILE_DEFINITIONS>\")
set(PYCAFFE_INCLUDE_DIRS \"$<TARGET_PROPERTY:pycaffe,INCLUDE_DIRECTORIES>\")
list(REMOVE_ITEM PYCAFFE_INCLUDE_DIRS \"${__pycaffe_headers}\")
set(CMAKE_CXX_FLAGS \"${CMAKE_CXX_FLAGS}\")
set(CMAKE_CXX_STANDARD \"$<TARGET_PROPERTY:pycaffe,CXX_STANDARD>\")
")
endif()
message(STATUS "pycaffe: pybind11, for Python ${PYTHON_VERSION_STRING} (${PYTHON_EXECUTABLE})")
