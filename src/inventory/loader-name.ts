// What the file of a boot loader may be called, in the inventory and in the asset directory.

/** A name without folders, such as ipxe.efi, undionly.kpxe or pxelinux.0; by its ending it is told from other files. */
export const loaderName = /^[A-Za-z0-9][A-Za-z0-9._-]*\.(?:efi|kpxe|kkpxe|pxe|0|c32|signed)$/;
