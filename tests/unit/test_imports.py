"""What each process imports: its image has nothing else, and it starts the sooner."""

import subprocess
import sys

import pytest

TOOLS = {"hdrh", "jinja2", "onnx", "onnxruntime", "pytest", "scipy", "torch", "typer", "yaml"}


@pytest.mark.parametrize(
    ("process", "needed", "unneeded"),
    [
        ("gateway", {"cv2", "tritonclient"}, {"faiss", "pyarrow"}),
        ("searcher", {"faiss", "pyarrow"}, {"cv2", "PIL", "prometheus_client", "tritonclient"}),
    ],
)
def test_a_process_imports_what_it_uses(process: str, needed: set[str], unneeded: set[str]) -> None:
    """The roots of all modules that its `__main__` brings in."""
    program = f"import sys, services.{process}.__main__; print(*{{name.partition('.')[0] for name in sys.modules}})"
    listing = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    imported = set(listing.stdout.split())
    assert needed <= imported
    assert not imported & (unneeded | TOOLS)
