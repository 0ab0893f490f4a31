"""Writes the node tests of the installed `onnx` package as files, as its older wheels held them (onnx/backend/test/data/node).

Used with onnx 1.23.0:  python onnx_node_tests.py <folder>   then   npm run test:onnx-node -- <folder>
Each test is <folder>/<name>/model.onnx with test_data_set_0/{input,output}_<i>.pb (TensorProto). Tests with sequences, maps or optional
values in place of tensors are written without data and so are counted as refused. Nothing of this is committed.
"""
import os
import sys

import onnx
from onnx import TensorProto, numpy_helper
from onnx.backend.test.case.node import collect_testcases


def write(path, value, name):
    proto = value if isinstance(value, TensorProto) else numpy_helper.from_array(value, name)
    with open(path, "wb") as file:
        file.write(proto.SerializeToString())


def main(folder):
    written = 0
    for case in collect_testcases(None):
        data = os.path.join(folder, case.name, "test_data_set_0")
        os.makedirs(data, exist_ok=True)
        with open(os.path.join(folder, case.name, "model.onnx"), "wb") as file:
            file.write(case.model.SerializeToString())
        graph = case.model.graph
        inputs, outputs = case.data_sets[0]
        ports = [("input", graph.input, inputs), ("output", graph.output, outputs)]
        if all(port.type.HasField("tensor_type") for _, list_, _ in ports for port in list_):
            for kind, list_, values in ports:
                for i, value in enumerate(values):
                    write(os.path.join(data, f"{kind}_{i}.pb"), value, list_[i].name)
        written += 1
    print(f"{written} node tests of onnx {onnx.__version__}")


if __name__ == "__main__":
    main(sys.argv[1])
