#!/bin/sh
# Makes the disk of a machine as owners bring one: Debian with boot loaders for both kinds of firmware, the kernel for any hardware, and an agent of Cuckoo's
# protocol that starts with it. Usage: image.sh FOLDER-OF-THIS-SCRIPT TARGET.qcow2
set -eu
from=$1 target=$2
work=$(mktemp -d "$target.XXXXXX")
trap 'rm -rf "$work"' EXIT
export FROM="$from"

# All that a machine may have for a disk or a card; the rest of the kernel's modules stays on the disk.
modules="ata_piix ahci nvme virtio_pci virtio_blk virtio_scsi megaraid_sas sd_mod ext4"
configure="mkdir -p \"\$1/etc/initramfs-tools/conf.d\"; echo MODULES=list >\"\$1/etc/initramfs-tools/conf.d/test\";
    for name in $modules; do echo \$name; done >\"\$1/etc/initramfs-tools/modules\"; echo COMPRESS=gzip >>\"\$1/etc/initramfs-tools/conf.d/test\""
files='install -m 0755 "$FROM/init" "$1/sbin/init"; install -m 0755 "$FROM/lease" "$1/opt/lease";
    install -m 0644 "$FROM/agent.py" "$1/opt/agent.py"; : >"$1/etc/fstab"; echo victim >"$1/etc/hostname"'
loader='printf "%s\n" "set root=(hd0,msdos1)" "linux /vmlinuz root=UUID=0b5f1c5e-7d0e-4c5a-9f3e-5a2f6a6b7c8d ro quiet console=tty0 console=ttyS0 net.ifnames=0 panic=-1" \
        "initrd /initrd.img" boot >"$1/boot/early.cfg";
    chroot "$1" grub-mkimage -O i386-pc -o /boot/core.img -c /boot/early.cfg -p /boot biosdisk part_msdos ext2 linux boot
    printf "%s\n" "search.fs_uuid 0b5f1c5e-7d0e-4c5a-9f3e-5a2f6a6b7c8d root" >"$1/boot/uefi.cfg"
    tail -n +2 "$1/boot/early.cfg" >>"$1/boot/uefi.cfg"
    chroot "$1" grub-mkimage -O x86_64-efi -o /boot/bootx64.efi -c /boot/uefi.cfg -p /boot part_msdos fat ext2 search_fs_uuid linux boot'
mmdebstrap --quiet --variant=minbase --format=directory \
    --include=initramfs-tools,busybox-static,kmod,iproute2,python3,linux-image-amd64,grub-pc-bin,grub-efi-amd64-bin,grub-common,curl,mawk \
    --aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --essential-hook="$configure" --customize-hook="$files" --customize-hook="$loader" \
    bookworm "$work/root"
rm -rf "$work/root/var/cache/apt" "$work/root/var/lib/apt/lists"

mke2fs -q -F -t ext4 -O '^has_journal,^metadata_csum,^64bit' -U 0b5f1c5e-7d0e-4c5a-9f3e-5a2f6a6b7c8d -m 0 -d "$work/root" "$work/root.ext4" 1500M
# What the firmware of newer machines starts.
truncate -s 16M "$work/efi"
mformat -i "$work/efi" -v EFI ::
mmd -i "$work/efi" ::/EFI ::/EFI/BOOT
mcopy -i "$work/efi" "$work/root/boot/bootx64.efi" ::/EFI/BOOT/BOOTX64.EFI
# A partition from the second mebibyte on, with the loader for older firmware before it; then that of newer firmware.
truncate -s 1518M "$work/disk"
dd if="$work/root/usr/lib/grub/i386-pc/boot.img" of="$work/disk" bs=440 count=1 conv=notrunc status=none
dd if="$work/root/boot/core.img" of="$work/disk" bs=512 seek=1 conv=notrunc status=none
dd if="$work/root.ext4" of="$work/disk" bs=1M seek=1 conv=notrunc,sparse status=none
dd if="$work/efi" of="$work/disk" bs=1M seek=1501 conv=notrunc,sparse status=none
# Active, Linux, from sector 2048, 3072000 sectors; EFI, from there on, 32768; and the mark of a boot sector.
printf '\200\0\0\0\203\0\0\0\0\010\0\0\0\340\056\0\0\0\0\0\357\0\0\0\0\350\056\0\0\200\0\0' | dd of="$work/disk" bs=1 seek=446 conv=notrunc status=none
printf '\125\252' | dd of="$work/disk" bs=1 seek=510 conv=notrunc status=none
qemu-img convert -O qcow2 "$work/disk" "$work/disk.qcow2"
chmod 0644 "$work/disk.qcow2"
mv "$work/disk.qcow2" "$target"
