"""The types of our layers, stated apart from what the installer finds."""

OUR_LAYERS = frozenset({
    "ChannelScale", "CombinedMargin", "CosinAddm", "Flip", "LabelSpecificAdd",
    "LabelSpecificMargin", "MarginInnerProduct", "MarginSoftmaxLoss", "Normalize",
    "NormalizedInnerProduct",
})  # fmt: skip
