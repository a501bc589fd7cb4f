"""A list of pairs in LFW's form, and how a test writes one."""

LFW_LIKE = (
    "2\t1\n"
    "Ann\t1\t2\n"
    "Ann\t3\tBo_Li\t12\n"
    "Cy\t4\t1\n"
    "Cy\t1\tDi\t1\n"
)  # fmt: skip


def write_pairs(folder, text):
    """Path of the list of pairs `text`, in a folder."""
    path = folder / "pairs.txt"
    path.write_text(text, encoding="utf-8")
    return path
