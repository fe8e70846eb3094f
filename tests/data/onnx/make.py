"""How the ONNX files beside this were made: AnimeGANv2 in miniature, by two real exporters.

    python make.py tensorflow   # tensorflow-cpu 2.15, tf2onnx 1.16, tf_slim 1.1, onnx 1.16
    python make.py torch        # torch 2.15, onnx 1.17, onnxscript; from the project's root

Neither set of packages is needed to run the tests. The networks have 2 channels where the published
ones have 32, and made-up weights; the layers and their order are those of AnimeGANv2's generator,
https://github.com/TachibanaYoshino/AnimeGANv2 (net/generator.py). tensorflow.npz holds what
TensorFlow itself draws.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
WIDTH = 2
SIZES = ((16, 24), (20, 16))


def numbers(shape: tuple[int, ...], index: int, kind: str) -> np.ndarray:
    """Made-up float32 weights of the layer `index`: a kernel, a gain (about 1) or a bias."""
    waves = np.cos(0.37 * index + 1.7 * np.arange(np.prod(shape), dtype=np.float64)).reshape(shape)
    inputs = max(np.prod(shape) // max(shape), 1)
    return {"kernel": waves * (2 / inputs) ** 0.5, "gain": 1 + 0.3 * waves, "bias": 0.2 * waves}[
        kind
    ].astype(np.float32)


def picture(height: int, width: int) -> np.ndarray:
    """float32 [1, height, width, 3] in [-1, 1]: waves of a few pixels."""
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    return np.sin(0.5 * x + 0.31 * y + c + 0.02 * x * y).astype(np.float32)[None]


# --- TensorFlow, as the original is written ------------------------------------------------

# out channels in widths, kernel, stride; "residual" blocks take the place of one such layer
BEFORE = [(1, 7, 1), (2, 3, 2), (2, 3, 1), (4, 3, 2), (4, 3, 1), (4, 3, 1)]
AFTER = [(4, 3, 1), "twice", (4, 3, 1), (4, 3, 1), "twice", (2, 3, 1), (2, 3, 1), (1, 7, 1)]


def tensorflow() -> None:
    import tensorflow.compat.v1 as tf
    import tf2onnx
    from tf_slim.layers import conv2d, layer_norm

    def border(x, before, after):
        return tf.pad(x, [[0, 0], [before, after], [before, after], [0, 0]], mode="REFLECT")

    def convolve(x, channels, kernel, stride=1):
        if kernel > 1:
            x = border(x, 0 if stride == 2 else kernel // 2, kernel // 2)
        return conv2d(
            x, channels, kernel, stride, "VALID", activation_fn=None, biases_initializer=None
        )

    def layer(x, channels, kernel, stride=1):
        return tf.nn.leaky_relu(layer_norm(convolve(x, channels, kernel, stride)), 0.2)

    def residual(x, index):
        wide = 2 * int(x.shape[3])
        inside = border(layer(x, wide, 1), 1, 1)
        kernel = tf.get_variable(f"depthwise_{index}", [3, 3, wide, 1])
        inside = tf.nn.depthwise_conv2d(inside, kernel, [1, 1, 1, 1], "VALID")
        inside = tf.nn.bias_add(inside, tf.get_variable(f"bias_{index}", [wide]))
        inside = tf.nn.leaky_relu(layer_norm(inside), 0.2)
        inside = layer_norm(convolve(inside, 8 * WIDTH, 1))
        return x + inside if int(x.shape[3]) == 8 * WIDTH else inside

    with tf.Graph().as_default() as graph, tf.Session() as session:
        x = source = tf.placeholder(tf.float32, [1, None, None, 3], name="generator_input")
        for channels, kernel, stride in BEFORE:
            x = layer(x, channels * WIDTH, kernel, stride)
        for index in range(4):
            x = residual(x, index)
        for one in AFTER:
            if one == "twice":
                x = tf.image.resize_images(x, [2 * tf.shape(x)[1], 2 * tf.shape(x)[2]])
            else:
                x = layer(x, one[0] * WIDTH, *one[1:])
        drawn = tf.tanh(convolve(x, 3, 1))
        session.run(tf.global_variables_initializer())
        for index, variable in enumerate(tf.global_variables()):
            shape = tuple(variable.shape.as_list())
            kind = "gain" if "gamma" in variable.name else "bias" if len(shape) == 1 else "kernel"
            variable.load(numbers(shape, index, kind), session)
        answers = {
            f"{h}x{w}": session.run(drawn, {source: picture(h, w)}).astype(np.float32)
            for h, w in SIZES
        }
        frozen = tf.graph_util.convert_variables_to_constants(
            session, graph.as_graph_def(), [drawn.op.name]
        )
    np.savez_compressed(HERE / "tensorflow.npz", **answers)
    for opset in (9, 13):
        tf2onnx.convert.from_graph_def(
            frozen,
            input_names=[source.name],
            output_names=[drawn.name],
            opset=opset,
            output_path=str(HERE / f"tensorflow-{opset}.onnx"),
        )


# --- torch, as the port is written ---------------------------------------------------------


def generator(align_corners: bool):
    """The project's AnimeGANv2 generator with the made-up weights."""
    import torch

    from facegen.networks.animegan import Generator

    network = Generator(WIDTH, align_corners)
    for index, (name, value) in enumerate(network.state_dict().items()):
        kind = "kernel" if value.ndim == 4 else "gain" if name.endswith("weight") else "bias"
        value.copy_(torch.from_numpy(numbers(tuple(value.shape), index, kind)))
    return network.eval()


def torch_files() -> None:
    import onnx
    import torch

    x = torch.from_numpy(picture(*SIZES[0])).permute(0, 3, 1, 2).contiguous()
    h, w = (4 * torch.export.Dim(side, min=2, max=512) for side in "hw")
    either = {2: "h", 3: "w"}
    ways = {
        "torch-11": {"dynamo": False, "dynamic_axes": {"input": either, "output": either}},
        "torch-fixed-11": {"dynamo": False},
        "torch-18": {"dynamo": True, "dynamic_shapes": {"images": {2: h, 3: w}}},
    }
    for name, way in ways.items():
        path = HERE / f"{name}.onnx"
        torch.onnx.export(
            generator(align_corners=name == "torch-18"),
            (x,),
            str(path),
            opset_version=int(name.split("-")[-1]),
            input_names=["input"],
            output_names=["output"],
            **way | ({"external_data": False} if way["dynamo"] else {}),
        )
        model = onnx.load(path)  # the exporter's remarks on itself are most of the file
        del model.metadata_props[:], model.graph.value_info[:], model.graph.metadata_props[:]
        for node in model.graph.node:
            node.ClearField("doc_string")
            del node.metadata_props[:]
        onnx.save(model, path)


if __name__ == "__main__":
    {"tensorflow": tensorflow, "torch": torch_files}[sys.argv[1]]()
