#!/bin/sh
# The CPU kernels' tests with AVX-512, in Bochs (which has it) where the processor has not: a Linux kernel whose only program
# is the test binary. Needs Debian, root, the network, and a few minutes.
set -eu
cd "$(dirname "$0")/.."
here=$PWD
target=x86_64-unknown-linux-musl
rustup target add $target
binary=$(cargo test --release -p ghostdet --features decode --target $target --test engine --no-run 2>&1 |
    sed -n 's/.*Executable.*(\(.*\))$/\1/p')
if grep -qw avx512f /proc/cpuinfo; then
    GHOSTDET_SIMD=avx512 "$binary" --nocapture equal_the_reference
    exec "$binary" --nocapture equal_the_reference
fi

apt-get install -qy --no-install-recommends bochs bochs-term bochsbios vgabios isolinux syslinux-common xorriso busybox-static \
    cpio xz-utils curl bsdutils
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Of Debian's kernels 5.10 keeps AVX on in Bochs 2.7; later ones turn XSAVE off, because they count its area differently.
mirror=http://deb.debian.org/debian
package=$(curl -s $mirror/dists/bullseye/main/binary-amd64/Packages.xz | xz -dc |
    sed -n 's/^Filename: \(.*linux-image-5.*[0-9]-cloud-amd64_.*\)/\1/p' | head -n1)
curl -s -o "$work/kernel.deb" "$mirror/$package"
dpkg-deb -x "$work/kernel.deb" "$work/kernel"

mkdir -p "$work/root/bin" "$work/root/proc" "$work/root$here/tests" "$work/iso/isolinux"
cp /bin/busybox "$work/root/bin/"
cp -r tests/golden "$work/root$here/tests/"
cp "$binary" "$work/root/engine"
cat >"$work/root/init" <<EOF
#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
cd $here
GHOSTDET_SIMD=avx512 /engine --test-threads=1 --nocapture equal_the_reference
echo "exit status: \$?"
/bin/busybox sleep 20
/bin/busybox poweroff -f
EOF
chmod +x "$work/root/init"
(cd "$work/root" && find . | cpio -o -H newc | gzip -1) >"$work/iso/isolinux/initrd.gz"
cp "$work"/kernel/boot/vmlinuz-* "$work/iso/isolinux/vmlinuz"
cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$work/iso/isolinux/"
printf 'DEFAULT l\nLABEL l\n KERNEL vmlinuz\n APPEND initrd=initrd.gz console=ttyS0 mitigations=off quiet\n' \
    >"$work/iso/isolinux/isolinux.cfg"
xorriso -as mkisofs -quiet -o "$work/boot.iso" -b isolinux/isolinux.bin -c isolinux/boot.cat -no-emul-boot -boot-load-size 4 \
    -boot-info-table "$work/iso"
cat >"$work/bochsrc" <<EOF
cpu: model=corei7_skylake_x, ips=50000000
memory: guest=512, host=512
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
ata0-master: type=cdrom, path=$work/boot.iso, status=inserted
boot: cdrom
display_library: term
com1: enabled=1, mode=file, dev=$work/serial
log: $work/log
sound: driver=dummy
speaker: enabled=0
plugin_ctrl: speaker=0, parallel=0
EOF
echo c >"$work/rc"
TERM=xterm setsid script -qc "bochs -q -rc $work/rc -f $work/bochsrc" /dev/null >"$work/screen" 2>&1 </dev/null &
bochs=$!
for _ in $(seq 200); do
    sleep 2
    if grep -q "exit status" "$work/serial" 2>/dev/null; then break; fi
done
kill -KILL -- "-$bochs" 2>/dev/null || true
tr -d '\r' <"$work/serial" | sed -n '/^running/,$p'
grep -q "exit status: 0" "$work/serial" && grep -q "(avx512)" "$work/serial"
