"""OpenCV 2.4 to 5."""

from amcaffe.install.host_edits.host_edit import CPP, NOT_IN_A_DIRECTIVE, HostEdit

EDITS = (
    HostEdit(
        "opencv-4 imread flags",
        "the CV_LOAD_IMAGE_* macros are gone; cv::IMREAD_* has been there since OpenCV 2.4",
        CPP,
        (
            (
                NOT_IN_A_DIRECTIVE + r"\bCV_LOAD_IMAGE_([A-Z]+)\b",
                r"cv::IMREAD_\1",
            ),
        ),
        regex=True,
    ),
    HostEdit(
        "opencv-4 colour codes",
        "the CV_BGR2GRAY family of macros is gone; cv::COLOR_* has been there since OpenCV 2.4",
        CPP,
        (
            (
                NOT_IN_A_DIRECTIVE + r"\bCV_([A-Z][A-Za-z]+2[A-Z][A-Za-z]+)\b",
                r"cv::COLOR_\1",
            ),
        ),
        regex=True,
    ),
    HostEdit(
        "opencv-4 codec properties",
        "the CV_CAP_PROP_* and CV_IMWRITE_* macros are gone; cv::* has been there since OpenCV 3",
        CPP,
        (
            (
                NOT_IN_A_DIRECTIVE + r"\bCV_((?:CAP_PROP|IMWRITE)_[A-Z_]+)\b",
                r"cv::\1",
            ),
        ),
        regex=True,
    ),
    HostEdit(
        "opencv-4 drawing and filtering constants",
        "the macros of OpenCV 1's C interface are gone; cv::* has been there since OpenCV 3",
        CPP,
        (
            (
                NOT_IN_A_DIRECTIVE
                + r"\bCV_(FILLED|INTER_(?:LINEAR|CUBIC|AREA|LANCZOS4)|WARP_[A-Z_]+"
                r"|(?:THRESH|WINDOW|FONT|RETR|CHAIN)_[A-Z_]+)\b",
                r"cv::\1",
            ),
            (
                NOT_IN_A_DIRECTIVE + r"\bCV_INTER_NN\b",
                r"cv::INTER_NEAREST",
            ),
            (
                NOT_IN_A_DIRECTIVE + r"\bCV_AA\b",
                r"cv::LINE_AA",
            ),
            (
                NOT_IN_A_DIRECTIVE + r"\bCV_FOURCC\(",
                r"cv::VideoWriter::fourcc(",
            ),
        ),
        regex=True,
    ),
    HostEdit(
        "opencv-5 without the C interface",
        "highgui_c.h is gone in OpenCV 5, and nothing of it is used",
        CPP,
        (
            (
                r"(#include <opencv2/highgui/highgui\.hpp>\r?\n)"
                r"#include <opencv2/highgui/highgui_c\.h>\r?\n",
                r"\1",
            ),
            (
                r"(?<!highgui\.hpp>\n)(?<!highgui\.hpp>\r\n)"
                r"#include <opencv2/highgui/highgui_c\.h>",
                r"#include <opencv2/highgui/highgui.hpp>",
            ),
        ),
        regex=True,
    ),
)
