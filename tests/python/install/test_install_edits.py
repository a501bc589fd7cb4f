"""Edits of text, their reversal, and each edit of the host's files."""

import random
import re

import pytest

from amcaffe.errors import TreeError
from amcaffe.install.edits import Span, apply_spans, reverse
from amcaffe.install.host_edits import HOST_EDITS

# What a unit with a regular expression is to do: name -> [(before, after)].
SAMPLES = {
    "opencv-4 imread flags": [
        ("cv::imread(f, CV_LOAD_IMAGE_COLOR);", "cv::imread(f, cv::IMREAD_COLOR);"),
        ("#define CV_LOAD_IMAGE_COLOR 1", "#define CV_LOAD_IMAGE_COLOR 1"),
        ("#ifdef CV_LOAD_IMAGE_COLOR", "#ifdef CV_LOAD_IMAGE_COLOR"),
        ("MY_CV_LOAD_IMAGE_COLOR", "MY_CV_LOAD_IMAGE_COLOR"),
    ],
    "opencv-4 colour codes": [
        ("cvtColor(a, b, CV_BGR2GRAY); c = CV_YCrCb2BGR;",
         "cvtColor(a, b, cv::COLOR_BGR2GRAY); c = cv::COLOR_YCrCb2BGR;"),
        ("CV_8UC3 CV_32FC1 CV_MAJOR_VERSION", "CV_8UC3 CV_32FC1 CV_MAJOR_VERSION"),
    ],
    "opencv-4 codec properties": [
        ("cap.get(CV_CAP_PROP_FRAME_COUNT)", "cap.get(cv::CAP_PROP_FRAME_COUNT)"),
        ("CV_IMWRITE_JPEG_QUALITY", "cv::IMWRITE_JPEG_QUALITY"),
    ],
    "opencv-4 drawing and filtering constants": [
        ("cv::rectangle(i, a, b, CV_RGB(0, 0, 0), CV_FILLED, CV_AA);",
         "cv::rectangle(i, a, b, CV_RGB(0, 0, 0), cv::FILLED, cv::LINE_AA);"),
        ("CV_THRESH_BINARY_INV | CV_THRESH_OTSU", "cv::THRESH_BINARY_INV | cv::THRESH_OTSU"),
        ("x(CV_INTER_NN, CV_INTER_CUBIC)", "x(cv::INTER_NEAREST, cv::INTER_CUBIC)"),
        ("CV_FOURCC('D', 'I', 'V', 'X')", "cv::VideoWriter::fourcc('D', 'I', 'V', 'X')"),
        ("#ifndef CV_FILLED", "#ifndef CV_FILLED"),
    ],
    "opencv-5 without the C interface": [
        ("#include <opencv2/highgui/highgui.hpp>\n#include <opencv2/highgui/highgui_c.h>\nx",
         "#include <opencv2/highgui/highgui.hpp>\nx"),
        ("#include <opencv2/highgui/highgui_c.h>\nx", "#include <opencv2/highgui/highgui.hpp>\nx"),
    ],
    "cmake-4 minimum version": [
        ("cmake_minimum_required(VERSION 2.8.7)", "cmake_minimum_required(VERSION 2.8.7...3.10)"),
        ("cmake_minimum_required(VERSION 3.1)", "cmake_minimum_required(VERSION 3.1...3.10)"),
        ("cmake_minimum_required(VERSION 3.10)", "cmake_minimum_required(VERSION 3.10)"),
        ("cmake_minimum_required(VERSION 2.8.7...3.10)",
         "cmake_minimum_required(VERSION 2.8.7...3.10)"),
    ],
    "protobuf-3.21 byte limit": [
        ("input->SetTotalBytesLimit(kProtoReadBytesLimit, 1073741823);",
         "input->SetTotalBytesLimit(kProtoReadBytesLimit);"),
        ("input.SetTotalBytesLimit(size, size);", "input.SetTotalBytesLimit(size);"),
        ("input.SetTotalBytesLimit(size);", "input.SetTotalBytesLimit(size);"),
    ],
    "boost-1.89 without boost_system": [
        ("find_package(Boost 1.54 REQUIRED COMPONENTS system thread filesystem)",
         "find_package(Boost 1.54 REQUIRED COMPONENTS thread filesystem"
         " OPTIONAL_COMPONENTS system)"),
        ("find_package(Boost 1.46 REQUIRED COMPONENTS system thread)",
         "find_package(Boost 1.46 REQUIRED COMPONENTS thread OPTIONAL_COMPONENTS system)"),
        ("find_package(Boost 1.46 COMPONENTS python)",
         "find_package(Boost 1.46 COMPONENTS python)"),
    ],
    "glog-0.7 export macros": [
        (f"# glog\n{find}\nx",
         f"# glog\n{find}\n"
         'if(EXISTS "${GLOG_INCLUDE_DIR}/glog/export.h")\n'
         "  add_definitions(-DGLOG_USE_GLOG_EXPORT)\n"
         "  list(APPEND Caffe_DEFINITIONS PUBLIC -DGLOG_USE_GLOG_EXPORT)\n"
         "endif()\nx")
        for find in ('include("cmake/External/glog.cmake")', "find_package(Glog REQUIRED)")
    ],
    "c++17 where c++11 was asked for": [
        ('set(CMAKE_CXX_FLAGS "${CMAKE_CXX_FLAGS} -std=c++11 -Wall")',
         'set(CMAKE_CXX_FLAGS "${CMAKE_CXX_FLAGS} -std=c++17 -Wall")'),
        ('CHECK_CXX_COMPILER_FLAG("-std=c++0x" CXX0X)',
         'CHECK_CXX_COMPILER_FLAG("-std=c++17" CXX0X)'),
        ("-Xcompiler -fPIC,-std=gnu++14", "-Xcompiler -fPIC,-std=gnu++17"),
        ("-std=c++17 -std=c++20 -std=c11", "-std=c++17 -std=c++20 -std=c11"),
    ],
    "warnings as warnings": [
        ('"${CMAKE_CXX_FLAGS} -std=c++17 -Werror")', '"${CMAKE_CXX_FLAGS} -std=c++17")'),
        ("-Wall -Werror=return-type", "-Wall -Werror=return-type"),
    ],
    "python-3 iteration": [
        ("for k, v in kwargs.iteritems():", "for k, v in kwargs.items():"),
        ("six.iteritems(kwargs)", "six.iteritems(kwargs)"),
        ("for i in xrange(0, num):", "for i in range(0, num):"),
        ("from six.moves import xrange\nmyxrange(1)", "from six.moves import xrange\nmyxrange(1)"),
    ],
    "numpy-2 frombuffer": [
        (f"return np.fromstring(datum.data, {dtype}).reshape(\n",
         "return np.frombuffer(datum.data, dtype=np.uint8).copy().reshape(\n")
        for dtype in ("dtype=np.uint8", "dtype = np.uint8")
    ],
    "python-3.12 unittest aliases": [
        ("self.assertEquals(a, b)", "self.assertEqual(a, b)"),
        ("self.assertEqual(a, b)", "self.assertEqual(a, b)"),
        ("with self.assertRaisesRegexp(E, r):", "with self.assertRaisesRegex(E, r):"),
    ],
    "cuda as a language of CMake": [
        ("find_package(CUDA 5.5 QUIET)", "include(cmake/amcaffe_cuda.cmake)"),
        ("find_package(CUDAToolkit)", "find_package(CUDAToolkit)"),
    ],
    "cudnn-8 algorithm finders": [
        ('#include <cudnn.h>\n\n#if CUDNN_VERSION_MIN(5, 0, 0)\n',
         '#include <cudnn.h>\n\n#include "caffe/util/cudnn_algorithms.hpp"\n\n'
         '#if CUDNN_VERSION_MIN(5, 0, 0)\n'),
        ('#include <cudnn.h>\n\n', '#include <cudnn.h>\n\n'),
    ],
    "cudnn layers without a GPU": [
        ("      engine = LRNParameter_Engine_CUDNN;",
         "      engine = GpuPresent() ? LRNParameter_Engine_CUDNN\n"
         "          : LRNParameter_Engine_CAFFE;"),
        ("} else if (engine == LRNParameter_Engine_CUDNN) {",
         "} else if (engine == LRNParameter_Engine_CUDNN) {"),
    ],
    "cudnn-9 status names": [
        ('inline const char* cudnnGetErrorString(cudnnStatus_t status) {\n'
         '  return "Unknown cudnn status";\n}\n',
         '#if CUDNN_VERSION < 8000\n'
         'inline const char* cudnnGetErrorString(cudnnStatus_t status) {\n'
         '  return "Unknown cudnn status";\n}\n#endif\n'),
        ('      << cudnnGetErrorString(status); \\\n',
         '      << cudnnGetErrorString(status); \\\n'),
    ],
    "opencv-4 in the Makefile": [
        ("\tifeq ($(OPENCV_VERSION), 3)\n\t\tLIBRARIES += opencv_imgcodecs\n\tendif\n",
         "\tOPENCV_VERSION ?= $(shell echo 'int main() {}' | $(CXX) -x c++ - \\\n"
         "\t\t-o /dev/null $(addprefix -L,$(LIBRARY_DIRS)) -lopencv_imgcodecs \\\n"
         "\t\t2>/dev/null && echo 3)\n"
         "\tifneq ($(filter 3 4 5,$(OPENCV_VERSION)),)\n"
         "\t\tLIBRARIES += opencv_imgcodecs\n\tendif\n"),
        ("ifeq ($(OPENCV_VERSION), 3)\n\tCOMMON_FLAGS += -DOPENCV3\nendif\n",
         "ifeq ($(OPENCV_VERSION), 3)\n\tCOMMON_FLAGS += -DOPENCV3\nendif\n"),
    ],
    "python-3 print": [
        ("    if x:\n        print 'Wrote %s' % x\n", "    if x:\n        print('Wrote %s' % x)\n"),
        ("    print line, Exception, e ", "    print(line, Exception, e)"),
        ("    print('%d' % n)", "    print('%d' % n)"),
        ("    print ('%d' % n)", "    print ('%d' % n)"),
        ("    print = 3", "    print = 3"),
        ("    # print it", "    # print it"),
        ("    printed it", "    printed it"),
    ],
    "python-3 except": [
        ("    except Exception, e:", "    except Exception as e:"),
        ("        except (OSError, IOError):", "        except (OSError, IOError):"),
    ],
    "python-3.12 raw patterns": [
        ("re.compile('lr = (\\d+)')", "re.compile(r'lr = (\\d+)')"),
        ("re.compile(r'lr = (\\d+)')", "re.compile(r'lr = (\\d+)')"),
        ("re.compile('lr')", "re.compile('lr')"),
    ],
    "python-3 logs of any bytes": [
        ("with open(path_to_log) as f:", "with open(path_to_log, errors='replace') as f:"),
        ("open(input_file, 'r')", "open(input_file, 'r', errors='replace')"),
        ("open(output_filename, 'w')", "open(output_filename, 'w')"),
    ],
}  # fmt: skip
REGEX = [unit for unit in HOST_EDITS if unit.regex]
LITERAL = [unit for unit in HOST_EDITS if not unit.regex]


def by_name(unit):
    return unit.name


def patched(unit, text):
    return apply_spans(text, unit.spans(text))[0]


def test_the_names_are_unique_and_each_pattern_has_its_sample():
    assert len({unit.name for unit in HOST_EDITS}) == len(HOST_EDITS)
    assert {unit.name for unit in REGEX} == set(SAMPLES)


@pytest.mark.parametrize("unit", REGEX, ids=by_name)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_pattern_changes_what_it_should_and_no_more(unit, newline):
    for before, after in SAMPLES[unit.name]:
        before, after = (x.replace("\n", newline) for x in (before, after))
        assert patched(unit, before + newline) == after + newline


@pytest.mark.parametrize("unit", LITERAL, ids=by_name)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_literal_edit_is_made_whole_or_not_at_all_and_only_once(unit, newline):
    whole = "\n".join(["top", *(old for old, _ in unit.changes), "end"])
    wanted = "\n".join(["top", *(new for _, new in unit.changes), "end"])
    whole, wanted = (x.replace("\n", newline) for x in (whole, wanted))
    assert patched(unit, whole) == wanted
    if len(unit.changes) > 1:
        for old, _ in unit.changes:
            assert unit.spans(whole.replace(old.replace("\n", newline), "?")) == []


@pytest.mark.parametrize("unit", HOST_EDITS, ids=by_name)
def test_an_edit_says_why_and_leaves_other_text_alone(unit):
    assert unit.why and unit.files
    assert unit.spans("nothing of the kind\n") == []


def spans_of(text, random):
    """Some non-overlapping spans: insertions, replacements, within and across lines."""
    cuts = sorted(random.sample(range(len(text) + 1), 6))
    found = []
    for number, (start, end) in enumerate(zip(cuts[::2], cuts[1::2])):
        end = start if random.random() < 0.3 else end
        new = f"<{number}>" + "\n" * random.randrange(3) + "new"
        found.append(Span(f"edit {number}", start, end, new))
    return found


@pytest.mark.parametrize("seed", range(200))
def test_any_edits_are_undone_exactly(seed):
    source = random.Random(seed)
    newline = source.choice(["\n", "\r\n"])
    text = "".join(f"line {i} {source.random()}{newline}" for i in range(source.randrange(3, 12)))
    text = text[: len(text) - source.choice([0, len(newline)])]
    spans = spans_of(text, source)
    result, hunks = apply_spans(text, spans)
    expected = text
    for span in reversed(spans):
        expected = expected[: span.start] + span.new.replace("\n", newline) + expected[span.end :]
    assert result == expected
    assert reverse("file", result, hunks, exact=True) == text
    assert reverse("file", result, hunks, exact=False) == text


def test_equal_edits_are_told_apart_by_their_surroundings():
    text = "a\nold\nb\nc\nold\nd\n"
    spans = [Span("x", text.index("old"), text.index("old") + 3, "new"),
             Span("x", text.rindex("old"), text.rindex("old") + 3, "new")]  # fmt: skip
    result, hunks = apply_spans(text, spans)
    user = "new\n" + result + "e\nnew\n"
    assert reverse("file", user, hunks, exact=False) == "new\n" + text + "e\nnew\n"


def test_edits_that_cannot_be_told_from_the_users_lines_are_a_conflict():
    result, hunks = apply_spans("a\nold\nb\n", [Span("x", 2, 5, "new")])
    with pytest.raises(TreeError, match=r"file(:\d+)?: the edit 'x' cannot"):
        reverse("file", result + result, hunks, exact=False)


def test_a_line_that_was_changed_is_a_conflict_that_shows_both():
    result, hunks = apply_spans("a\nold\nb\n", [Span("x", 2, 5, "new")])
    with pytest.raises(TreeError) as caught:
        reverse("file", result.replace("new", "newer"), hunks, exact=False)
    assert "    | -new\n    | +newer\n" in str(caught.value)
    assert "or put all of the original ones back:\n    | old\n" in str(caught.value)


def test_a_conflict_says_where_and_what_stands_there_now():
    result, hunks = apply_spans("a\n", [Span("x", 2, 2, "one(1);\ntwo(2);\nthree(3);\n")])
    user = "// mine\n" + result.replace("two(2)", "two(22)")
    with pytest.raises(TreeError) as caught:
        reverse("file", user, hunks, exact=False)
    message = str(caught.value)
    assert message.startswith("file:4: the edit 'x'")
    assert "    |  one(1);\n    | -two(2);\n    | +two(22);\n    |  three(3);\n" in message
    assert "put the lines marked - back, or remove them all\n" in message


@pytest.mark.parametrize(
    "change, shown",
    [(("call(40);", "call(41);"), ["-call(40);", "+call(41);"]),
     (("call(40);\n", "call(40);\nmine();\n"), ["+mine();"]),
     (("call(40);\n", ""), ["-call(40);"]),
     (("call(3);", "calls(3);"), ["-call(3);", "+calls(3);"])],
)  # fmt: skip
def test_of_a_long_block_a_conflict_shows_only_what_differs(change, shown):
    block = "".join(f"call({number});\n" for number in range(70))
    result, hunks = apply_spans("above\nbelow\n", [Span("x", 6, 6, block)])
    with pytest.raises(TreeError) as caught:
        reverse("file", result.replace(*change), hunks, exact=False)
    lines = [line[6:] for line in str(caught.value).splitlines() if line.startswith("    | ")]
    assert [line for line in lines if line[0] in "+-"] == shown
    assert len(lines) == len(shown) + 4


def test_blocks_apart_are_shown_apart():
    block = "".join(f"call({number});\n" for number in range(70))
    result, hunks = apply_spans("above\nbelow\n", [Span("x", 6, 6, block)])
    changed = result.replace("call(10)", "call(11)").replace("call(60)", "call(66)")
    with pytest.raises(TreeError) as caught:
        reverse("file", changed, hunks, exact=False)
    assert "    |  call(12);\n    | ...\n    |  call(58);\n" in str(caught.value)


@pytest.mark.parametrize("before, after", [("\n", "\r\n"), ("\r\n", "\n")])
def test_edits_are_undone_after_the_line_endings_were_converted(before, after):
    text = "a\nold\nb\n\nold\nc\nlast".replace("\n", before)
    spans = [Span("x", match.start(), match.end(), "new\nnewer") for match in
             re.finditer("old", text)] + [Span("y", 0, 0, "block\n"), Span("z", len(text) - 4,
             len(text), "end")]  # fmt: skip
    result, hunks = apply_spans(text, spans)
    converted = result.replace(before, after)
    assert reverse("file", converted, hunks, exact=False) == text.replace(before, after)


def test_a_line_that_was_taken_out_is_put_back_where_it_was():
    result, hunks = apply_spans("a\nb\nout\nc\nd\n", [Span("x", 4, 8, "")])
    assert result == "a\nb\nc\nd\n"
    user = result.replace("a\n", "a\nmore\n")
    assert reverse("file", user, hunks, exact=False) == "a\nmore\nb\nout\nc\nd\n"


def test_overlapping_edits_are_a_fault_of_the_package():
    with pytest.raises(AssertionError, match="overlap"):
        apply_spans("abcdef\n", [Span("x", 0, 4, "1"), Span("y", 2, 5, "2")])


def test_lines_put_back_by_hand_are_no_conflict_even_in_a_file_edited_elsewhere():
    text = "include(a)\nx\nold line\n"
    spans = [Span("block", 11, 11, "if(SOMETHING)\n  set(it 1)\nendif()\n"),
             Span("line", text.index("old"), text.index("old") + 3, "new")]  # fmt: skip
    result, hunks = apply_spans(text, spans)
    user = "more\n" + text + "endif()\n"
    assert reverse("file", user, hunks, exact=False) == user
    half = "more\n" + result.replace("new line", "old line")
    assert reverse("file", half, hunks, exact=False) == "more\n" + text


def test_a_block_of_which_lines_remain_is_a_conflict():
    result, hunks = apply_spans("a\n", [Span("x", 2, 2, "if(SOMETHING)\n  set(it 1)\nendif()\n")])
    with pytest.raises(TreeError, match="'x' cannot be undone") as caught:
        reverse("file", result.replace("if(SOMETHING)", "if(OTHER)"), hunks, exact=False)
    assert "put the lines marked - back, or remove them all\n" in str(caught.value)
