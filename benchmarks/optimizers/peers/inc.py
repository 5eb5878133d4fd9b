"""Neural Compressor of Intel, the last release that takes ONNX."""

from benchmarks.optimizers.peers.peer import Peer

INC = Peer(
    "inc",
    "Neural Compressor",
    "`quantization.fit`, static, which is given the select split and a drop of 1%.",
    "onnxruntime",
    "inc_static",
    (
        *("neural-compressor==3.7.1", "onnx==1.17.0", "onnxruntime==1.20.1", "numpy==1.26.4"),
        *("deprecated==1.3.1", "opencv-python-headless==4.11.0.86", "pandas==3.0.6"),
        *("pillow==13.0.0", "prettytable==3.18.0", "psutil==7.2.2", "py-cpuinfo==9.0.0"),
        *("pyyaml==6.0.3", "requests==2.34.2", "schema==0.7.8", "scikit-learn==1.9.1"),
        *("pycocotools==2.0.11", "scipy==1.17.1", "six==1.17.0", "python-dateutil==4.0.0"),
        *("wrapt==2.5.2", "joblib==1.6.0", "threadpoolctl==3.8.0", "coloredlogs==15.0.1"),
        *("humanfriendly==10.0", "flatbuffers==25.12.19", "packaging==26.3", "sympy==1.14.0"),
        *("mpmath==1.3.0", "protobuf==5.29.5", "wcwidth==0.9.4", "narwhals==2.29.0"),
        *("certifi==2026.10.18", "charset-normalizer==3.5.2", "idna==3.20", "urllib3==2.8.0"),
        *("matplotlib==3.11.2", "contourpy==1.3.3", "cycler==0.12.1", "fonttools==4.68.0"),
        *("kiwisolver==1.5.1", "pyparsing==3.3.3", "cloudpickle==3.1.2"),
    ),
    is_whole=True,  # newer packages would ask for a newer numpy
)
