#!/usr/bin/env python3
"""Writes the parquet files beside it, as pyarrow does: pictures of 4 + i x 4 pixels, names and labels; row 5 has a null.

Run by hand (.venv/bin/python tests/core/image/source/parquet/make.py) when a file is to change.
"""

import os
import struct
import zlib

import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = os.path.dirname(os.path.abspath(__file__))
ROWS = 12
NULL_ROW = 5
STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def picture(i):
    """A PNG file that ends behind its header."""
    chunk = b"IHDR" + struct.pack(">II5B", 4, 4 + i, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


def pictures():
    return [None if i == NULL_ROW else picture(i) for i in range(ROWS)]


def structs():
    values = [None if data is None else {"bytes": data, "path": f"class/{i}.png"} for i, data in enumerate(pictures())]
    return pa.array(values, STRUCT)


def write(name, columns, **options):
    pq.write_table(pa.table(columns), os.path.join(FOLDER, name + ".parquet"), **options)


def main():
    labels = pa.array([None if i == 3 else 10 + i for i in range(ROWS)], pa.int64())
    # The defaults: snappy, dictionaries.
    write("structs", {"id": pa.array(range(ROWS)), "image": structs(), "label": labels}, row_group_size=5)
    # Pages of the second version with checksums, and what the index of pages adds.
    write("bytes", {"img": pa.array(pictures(), pa.large_binary()), "cls": labels.cast(pa.uint8())},
          compression="zstd", data_page_version="2.0", write_page_checksum=True, write_page_index=True,
          data_page_size=64, write_batch_size=2)
    write("delta", {"image": structs(), "labels": labels.cast(pa.int32())}, compression="none", use_dictionary=False,
          column_encoding={"image.bytes": "DELTA_LENGTH_BYTE_ARRAY", "image.path": "DELTA_BYTE_ARRAY",
                           "labels": "DELTA_BINARY_PACKED"})
    for codec in ("gzip", "brotli", "lz4"):
        write(codec, {"image": structs(), "label": labels}, compression=codec)


if __name__ == "__main__":
    main()
