"""Devices, with a PyTorch that is made up: most machines have none of them."""

import unittest
from types import SimpleNamespace

from soma.smi import SomaError
from soma_python import devices


def torch_with(gpus=0, hip=None, mps=False):
    return SimpleNamespace(
        __version__="2.9",
        cuda=SimpleNamespace(is_available=lambda: gpus > 0, device_count=lambda: gpus, memory_reserved=lambda name: len(name)),
        version=SimpleNamespace(hip=hip),
        backends=SimpleNamespace(mps=SimpleNamespace(is_available=lambda: mps)),
        mps=SimpleNamespace(driver_allocated_memory=lambda: 7),
    )


class Devices(unittest.TestCase):
    def test_the_best_device_is_first_and_the_cpu_last(self):
        self.assertEqual(devices.available(torch_with()), ["cpu"])
        self.assertEqual(devices.available(torch_with(gpus=2)), ["cuda:0", "cuda:1", "cpu"])
        self.assertEqual(devices.available(torch_with(gpus=1, hip="6.0")), ["rocm:0", "cpu"])
        self.assertEqual(devices.available(torch_with(mps=True)), ["metal:0", "cpu"])
        self.assertEqual(devices.available(SimpleNamespace(cuda=torch_with().cuda, backends=SimpleNamespace())), ["cpu"])

    def test_a_device_that_is_asked_for_is_taken_or_refused_and_never_replaced(self):
        self.assertEqual(devices.choose(torch_with(gpus=1), None), "cuda:0")
        self.assertEqual(devices.choose(torch_with(gpus=1), "cpu"), "cpu")
        with self.assertRaises(SomaError) as refusal:
            devices.choose(torch_with(), "cuda:0")
        self.assertEqual((refusal.exception.code, refusal.exception.details["devices"]), ("engine/missing", ["cpu"]))

    def test_names_are_pytorchs_own(self):
        wanted = {"cpu": "cpu", "cuda:1": "cuda:1", "rocm:0": "cuda:0", "metal:0": "mps"}
        self.assertEqual({device: devices.torch_name(device) for device in wanted}, wanted)

    def test_memory_of_accelerators_is_told_by_their_id(self):
        self.assertEqual(devices.memory_bytes(torch_with(), "cpu"), {})
        self.assertEqual(devices.memory_bytes(torch_with(gpus=1), "cuda:0"), {"cuda:0": 6})
        self.assertEqual(devices.memory_bytes(torch_with(mps=True), "metal:0"), {"metal:0": 7})

    def test_what_an_accelerator_fails_with_is_told_from_what_a_model_fails_with(self):
        code = lambda text, device="cuda:0": getattr(devices.failure(RuntimeError(text), device), "code", None)
        self.assertEqual(code("CUDA error: an illegal memory access was encountered"), "engine/device-lost")
        self.assertEqual(code("CUDA out of memory. Tried to allocate 2 GiB"), "resource/exhausted")
        self.assertEqual(code("DefaultCPUAllocator: can't allocate memory: out of memory", "cpu"), "resource/exhausted")
        self.assertIsNone(code("index out of range in self"))
        self.assertIsNone(code("CUDA error", "cpu"))
