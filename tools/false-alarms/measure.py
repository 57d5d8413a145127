#!/usr/bin/env python3
"""How often something is found where nothing of the 80 classes is.

  tools/false-alarms/measure.py [--weights FILE] [--imgsz N] [--ghostdet COMMAND] [--folder FOLDER] [--worst N]

`pictures.json` names landscapes, wallpapers and textures in packages of Debian 12, which were looked through by eye: no
person, animal or thing of the classes is in them, and no network here has learned from them. The packages are fetched with
`apt-get download` (320 MB, once) and checked by their SHA-256; the pictures stay in --folder. Prints how many pictures have a
detection at each threshold, and the worst ones.
"""
import argparse
import hashlib
import io
import json
import os
import subprocess
import tarfile
import tempfile
import zipfile
from pathlib import Path

LIST = Path(__file__).with_name('pictures.json')
THRESHOLDS = (0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6)


def fetch(entry):
    """The bytes of a package."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = f'{entry["package"]}={entry["version"]}'
        if subprocess.run(['apt-get', '-o', 'APT::Sandbox::User=root', 'download', wanted], cwd=folder, stdout=subprocess.DEVNULL).returncode:
            raise SystemExit(f'{wanted}: apt-get does not find it; it is a package of Debian 12 (snapshot.debian.org keeps old ones)')
        data = next(Path(folder).glob('*.deb')).read_bytes()
    if hashlib.sha256(data).hexdigest() != entry['sha256']:
        raise SystemExit(f'{wanted}: another file than the one that was looked through')
    return data


def files(data):
    """A function from a path inside of a package to the file's bytes."""
    with tempfile.NamedTemporaryFile(suffix='.deb') as file:
        file.write(data)
        file.flush()
        tar = subprocess.run(['dpkg-deb', '--fsys-tarfile', file.name], stdout=subprocess.PIPE, check=True).stdout
    archive = tarfile.open(fileobj=io.BytesIO(tar))
    return lambda path: archive.extractfile(f'./{path}').read()


def pictures(entry, folder):
    """Paths of an entry's pictures in `folder`; fetches them if they are not there yet."""
    target = folder / f'{entry["package"]}_{entry["version"].replace(":", "_")}'
    paths = [target / name.replace('/', '-') for name in entry['pictures']]
    if not all(path.exists() for path in paths):
        read = files(fetch(entry))
        if 'archive' in entry:
            read = zipfile.ZipFile(io.BytesIO(read(entry['archive']))).read
        target.mkdir(parents=True, exist_ok=True)
        for path, name in zip(paths, entry['pictures']):
            path.write_bytes(read('/'.join(filter(None, (entry['folder'], name)))))
    return paths


def detect(a, paths):
    """Path -> detections with a score of at least 0.1."""
    command = [a.ghostdet, 'detect', *map(str, paths), '--conf', '0.1', '--json']
    command += ['--weights', a.weights] if a.weights else []
    command += ['--imgsz', a.imgsz] if a.imgsz else []
    lines = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True).stdout
    return {line['source']: line['detections'] for line in map(json.loads, lines.splitlines())}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--weights')
    parser.add_argument('--imgsz')
    parser.add_argument('--ghostdet', default='ghostdet')
    cache = os.environ.get('GHOSTDET_CACHE') or Path.home() / '.cache/ghostdet'
    parser.add_argument('--folder', type=Path, default=Path(cache) / 'false-alarms')
    parser.add_argument('--worst', type=int, default=10)
    a = parser.parse_args()

    kinds = {}
    for entry in json.loads(LIST.read_text()):
        kinds.setdefault(entry['kind'], []).extend(pictures(entry, a.folder))
    found = detect(a, [path for paths in kinds.values() for path in paths])
    scores = {kind: [max((d['score'] for d in found[str(path)]), default=0) for path in paths] for kind, paths in kinds.items()}
    everything = sum(scores.values(), [])
    columns = [*scores.items(), ('all', everything)]
    print('threshold  ' + ''.join(f'{f"{kind} ({len(values)})":>18}' for kind, values in columns))
    for threshold in THRESHOLDS:
        counts = [(sum(score >= threshold for score in values), len(values)) for _, values in columns]
        print(f'{threshold:<11}' + ''.join(f'{f"{count} = {count / total:.1%}":>18}' for count, total in counts))
    worst = sorted(((d['score'], d['name'], path) for path, all_of in found.items() for d in all_of), reverse=True)
    for score, name, path in worst[:a.worst]:
        print(f'{score:.2f} {name}: {Path(path).parent.name}/{Path(path).name}')


if __name__ == '__main__':
    main()
