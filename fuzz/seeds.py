#!/usr/bin/env python3
"""Writes the packets of the captures into the corpora of the fuzz targets."""
import pathlib
import struct

here = pathlib.Path(__file__).resolve().parent
captures = here.parent / "crates/fluxcapacitor-proto/tests/captures"
# What a target takes for itself before the packet, and where its packet begins.
targets = {"proto_parse": (0, 0), "proto_change": (48, 14), "proto_tunnel": (4, 0), "proto_answer": (1, 0)}

for capture in sorted(captures.glob("*.pcap")):
    data, at, number = capture.read_bytes(), 24, 0
    while at < len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        packet = data[at + 16 : at + 16 + length]
        for target, (prefix, skip) in targets.items():
            corpus = here / "corpus" / target
            corpus.mkdir(parents=True, exist_ok=True)
            (corpus / f"{capture.stem}-{number}").write_bytes(bytes([64] * prefix) + packet[skip:])
        at, number = at + 16 + length, number + 1
