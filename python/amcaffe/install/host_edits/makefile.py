"""The build by make, beside CMake's."""

from amcaffe.install.host_edits.host_edit import HostEdit

EDITS = (
    HostEdit(
        "opencv-4 in the Makefile",
        "imread and imwrite are in a library of their own since OpenCV 3; make links it where "
        "the linker finds it, whether Makefile.config names the version or not",
        ("Makefile",),
        (
            (
                r"ifeq \(\$\(OPENCV_VERSION\), *3\)(?=\s+LIBRARIES \+= opencv_imgcodecs)",
                "OPENCV_VERSION ?= $(shell echo 'int main() {}' | $(CXX) -x c++ - \\\\\n"
                "\t\t-o /dev/null $(addprefix -L,$(LIBRARY_DIRS)) -lopencv_imgcodecs \\\\\n"
                "\t\t2>/dev/null && echo 3)\n"
                "\tifneq ($(filter 3 4 5,$(OPENCV_VERSION)),)",
            ),
        ),
        regex=True,
    ),
    HostEdit(
        "cuda-13 kernel templates in the Makefile",
        "a test launches libcaffe's kernels, which nvcc since 13 keeps to their library and file",
        ("Makefile",),
        (
            (
                "NVCCFLAGS += -ccbin=$(CXX) -Xcompiler -fPIC $(COMMON_FLAGS)\n",
                "NVCCFLAGS += -ccbin=$(CXX) -Xcompiler -fPIC $(COMMON_FLAGS)\n"
                "ifneq ($(shell $(CUDA_DIR)/bin/nvcc --help 2>/dev/null | \\\n"
                "\t\tgrep -e -static-global-template-stub),)\n"
                "$(addprefix $(BUILD_DIR)/cuda/src/$(PROJECT)/,util/im2col.o \\\n"
                "\t\ttest/test_im2col_kernel.o): NVCCFLAGS += \\\n"
                "\t\t--device-entity-has-hidden-visibility=false \\\n"
                "\t\t-static-global-template-stub=false\n"
                "endif\n",
            ),
        ),
    ),
)
