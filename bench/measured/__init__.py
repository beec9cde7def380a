"""The measured programs: each module runs as a separate process, which `bench/process.py` starts."""
