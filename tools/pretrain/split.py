"""Cuts packs into pieces of at most so many MiB, pictures and lines together, so that each can travel by itself.

  python3 split.py --mib 60 --out pieces a.bin b.bin
"""
import argparse
import json
from pathlib import Path


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('packs', nargs='+')
    ap.add_argument('--mib', type=float, default=60)
    ap.add_argument('--out', required=True)
    a = ap.parse_args()
    Path(a.out).mkdir(parents=True, exist_ok=True)
    for pack in map(Path, a.packs):
        data, number, lines, parts, size = pack.read_bytes(), 0, [], [], 0

        def write():
            base = Path(a.out) / f'{pack.stem}-{number}'
            base.with_suffix('.bin').write_bytes(b''.join(parts))
            base.with_suffix('.jsonl').write_text(''.join(lines))
            print(base.with_suffix('.bin'), len(lines), 'pictures', f'{size / 2**20:.1f} MiB')

        offset = 0
        for text in pack.with_suffix('.jsonl').read_text().splitlines():
            row = json.loads(text)
            picture = data[row['offset']:row['offset'] + row['bytes']]
            line = json.dumps(dict(row, offset=offset), separators=(',', ':')) + '\n'
            if parts and size + len(picture) + len(line) > a.mib * 2**20:
                write()
                number, lines, parts, size, offset = number + 1, [], [], 0, 0
                line = json.dumps(dict(row, offset=0), separators=(',', ':')) + '\n'
            lines.append(line)
            parts.append(picture)
            size += len(picture) + len(line)
            offset += len(picture)
        write()


if __name__ == '__main__':
    main()
