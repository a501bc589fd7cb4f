import pytest

USE = """
image = numpy.arange(48, dtype=numpy.uint8).reshape(4, 4, 3)
done, encoded = cv2.imencode(".png", image)
assert done and (cv2.imdecode(encoded, cv2.IMREAD_COLOR) == image).all()
assert cv2.GaussianBlur(cv2.resize(image, (8, 8)), (3, 3), 0).shape == (8, 8, 3)
net = caffe.Net({net!r}, caffe.TEST)
net.blobs["data"].data[...] = cv2.resize(image[:, :, 0], (3, 2))
assert (net.forward()["ip"] == 2 * net.blobs["data"].data.sum(axis=1, keepdims=True)).all()
# libcaffe's own OpenCV, and cv2's, in turn.
cv2.imwrite({image!r}, image)
images = caffe.Net({images!r}, caffe.TEST)
assert (images.forward()["data"][0].transpose(1, 2, 0) == cv2.imread({image!r})).all()
print("used both")
"""


@pytest.mark.parametrize("imports", ["caffe, cv2", "cv2, caffe"])
def test_caffe_and_cv2_work_in_one_process(imports, run_python, write, net_file, tmp_path):
    pytest.importorskip("cv2")
    image = str(tmp_path / "image.png")
    listing = write(f"{image} 0\n", "list.txt")
    images = write(
        "layer { name: 'i' type: 'ImageData' top: 'data' top: 'label' "
        f"image_data_param {{ source: '{listing}' batch_size: 1 }} }}",
        "images.prototxt",
    )
    text = f"import numpy, {imports}\n" + USE.format(net=net_file, image=image, images=images)
    assert run_python(text) == "used both\n"
