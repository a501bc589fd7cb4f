"""The Python scripts of tools/extra under Python 3."""

from amcaffe.install.host_edits.host_edit import HostEdit

SCRIPTS = ("tools/extra/*.py",)
RESIZE = ("tools/extra/resize_and_crop_images.py",)

EDITS = (
    HostEdit(
        "python-3 print",
        "print is a function of Python 3",
        SCRIPTS,
        (
            (
                r"(?m)^( +)print (?![=(])(\S[^\r\n]*?)[ \t]*(?=\r?$)",
                r"\1print(\2)",
            ),
        ),
        regex=True,
    ),
    HostEdit(
        "python-3 except",
        "an exception is named by `as`",
        SCRIPTS,
        (
            (
                r"(?m)^( +except [\w.]+), (\w+):",
                r"\1 as \2:",
            ),
        ),
        regex=True,
    ),
    HostEdit(
        "python-3.12 raw patterns",
        r"Python warns of a string's \d and \S since 3.12, which is none of its own escapes",
        SCRIPTS,
        (
            (
                r"\bre\.compile\('(?=[^'\r\n]*\\)",
                r"re.compile(r'",
            ),
        ),
        regex=True,
    ),
    HostEdit(
        "python-3 logs of any bytes",
        "Python 3 stops at a byte that is no UTF-8, as a folder's name may bring into a log",
        SCRIPTS,
        (
            (
                r"\bopen\(path_to_log\)",
                r"open(path_to_log, errors='replace')",
            ),
            (
                r"\bopen\(input_file, 'r'\)",
                r"open(input_file, 'r', errors='replace')",
            ),
        ),
        regex=True,
    ),
    HostEdit(
        "logs with blank lines",
        "parse_log.py passes over a line without a date, but not over one of blanks, with which "
        "the account of a crash ends",
        ("tools/extra/parse_log.py",),
        (
            (
                "except ValueError:\n                # Skip lines with bad",
                "except (ValueError, IndexError):\n                # Skip lines with bad",
            ),
        ),
    ),
    HostEdit(
        "python-3 summary of a net",
        "map makes an iterator, good for one pass; protobuf's text_format is imported by name",
        ("tools/extra/summarize.py",),
        (
            ("from google import protobuf\n", "from google.protobuf import text_format\n"),
            ("protobuf.text_format.Parse(", "text_format.Parse("),
            ("map(format_param, lr.param)", "list(map(format_param, lr.param))"),
        ),
    ),
    HostEdit(
        "python-3 image sizes",
        "/ makes a float of two integers, which is no size and no bound of a slice",
        RESIZE,
        (
            ("output_side_length * height / width", "output_side_length * height // width"),
            ("output_side_length * width / height", "output_side_length * width // height"),
            ("(new_height - output_side_length) / 2", "(new_height - output_side_length) // 2"),
            ("(new_width - output_side_length) / 2", "(new_width - output_side_length) // 2"),
            (
                "while img.size[0]/factor > 2*box[0] and img.size[1]*2/factor > 2*box[1]:",
                "while img.size[0]//factor > 2*box[0] and img.size[1]*2//factor > 2*box[1]:",
            ),
            (
                "thumbnail((img.size[0]/factor, img.size[1]/factor)",
                "thumbnail((img.size[0]//factor, img.size[1]//factor)",
            ),
            ("int(y2/2-box[1]*wRatio/2)", "int(y2//2-box[1]*wRatio/2)"),
            ("int(y2/2+box[1]*wRatio/2)", "int(y2//2+box[1]*wRatio/2)"),
            ("int(x2/2-box[0]*hRatio/2)", "int(x2//2-box[0]*hRatio/2)"),
            ("int(x2/2+box[0]*hRatio/2)", "int(x2//2+box[0]*hRatio/2)"),
        ),
    ),
    HostEdit(
        "pillow-10 filter names",
        "Image.ANTIALIAS, another name of LANCZOS since Pillow 2.7, is gone",
        RESIZE,
        (("Image.ANTIALIAS", "Image.LANCZOS"),),
    ),
    HostEdit(
        "python-3 without mincepie",
        "mincepie, which spreads the images over processes, is a package of Python 2; "
        "the standard library does it for the same options",
        RESIZE,
        (
            (
                "from mincepie import mapreducer, launcher\nimport gflags\nimport os\n",
                "import argparse\nimport multiprocessing\nimport os\n",
            ),
            (
                "# gflags\ngflags.DEFINE_string('image_lib', 'opencv',\n",
                "parser = argparse.ArgumentParser()\n"
                "parser.add_argument('--input', required=True, help=\n"
                "                     'A list of images, a path below input_folder a line.')\n"
                "parser.add_argument('--num_clients', type=int, default=1, help=\n"
                "                     'Number of processes.')\n"
                "parser.add_argument('--image_lib', default='opencv', help=\n",
            ),
            (
                "gflags.DEFINE_string('input_folder', '',\n",
                "parser.add_argument('--input_folder', default='', help=\n",
            ),
            (
                "gflags.DEFINE_integer('output_side_length', 256,\n",
                "parser.add_argument('--output_side_length', type=int, default=256, help=\n",
            ),
            (
                "gflags.DEFINE_string('output_folder', '',\n",
                "parser.add_argument('--output_folder', default='', help=\n",
            ),
            ("FLAGS = gflags.FLAGS\n", "FLAGS = parser.parse_args()\n"),
            (
                "class ResizeCropImagesMapper(mapreducer.BasicMapper):",
                "class ResizeCropImagesMapper:",
            ),
            (
                "mapreducer.REGISTER_DEFAULT_MAPPER(ResizeCropImagesMapper)\n"
                "mapreducer.REGISTER_DEFAULT_REDUCER(mapreducer.NoPassReducer)\n"
                "mapreducer.REGISTER_DEFAULT_READER(mapreducer.FileReader)\n"
                "mapreducer.REGISTER_DEFAULT_WRITER(mapreducer.FileWriter)\n",
                "def resize_and_crop(line):\n    list(ResizeCropImagesMapper().map(None, line))\n",
            ),
            (
                "    launcher.launch()",
                "    lines = open(FLAGS.input)\n"
                "    with multiprocessing.Pool(FLAGS.num_clients) as pool:\n"
                "        list(pool.imap_unordered(resize_and_crop, lines, chunksize=64))",
            ),
        ),
    ),
)
