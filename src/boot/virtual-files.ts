// The names over TFTP behind which there is no file of that name: configuration rendered for the machine that asks, and the
// images of the asset sets. Pure: a name in, what it stands for out; what a machine gets of it is decided in decide.ts.

import { type Mac, parseMac } from "../net/mac.ts";
import type { AssetSet } from "./assets.ts";
import { shownNonce } from "./nonce.ts";

export type VirtualFile =
  /** `mac` when the name says whose it is; else the asker's. */
  | { readonly kind: "grub" | "pxelinux"; readonly mac: Mac | undefined }
  | { readonly kind: "autoexec" }
  | { readonly kind: "keys"; readonly mac: Mac; readonly nonce: string }
  | {
      readonly kind: "image";
      readonly profile: string;
      /** Of the set; see AssetSet. */
      readonly version: string;
      readonly file: string;
    };

/** The name of an installer's second initrd, with its keys. pxelinux takes a colon in a name for a server's. */
export function keysName(mac: Mac, nonce: string): string {
  return `nodes/${mac.replaceAll(":", "-")}/${nonce}/keys.cpio.gz`;
}

/** A name, also one as it came, as it may be shown: without the nonce in it, which is a permission. */
export function shownName(name: string): string {
  return name.replace(/[A-Za-z0-9_-]{43}/g, shownNonce);
}

/** The name of a set's kernel or initrd. The version is part of it, so that a machine never mixes two sets. */
export function imageName({ profile, version }: AssetSet, file: string): string {
  return `nixos/${profile}/${version}/${file}`;
}

// GRUB 2.06 asks for `grub.cfg-01-MAC` in the folder of its prefix, then shorter names down to `grub.cfg` (its manual, §5.3);
// pxelinux for `pxelinux.cfg/01-MAC` down to `pxelinux.cfg/default`. 01 is Ethernet's hardware type.
// GRUB's own variable for it has colons.
const grub = /^grub\/grub\.cfg(?:-01-([0-9a-f:-]{17}))?$/i;
const pxelinux = /^pxelinux\.cfg\/(?:default|01-([0-9a-f-]{17}))$/i;
const keys = /^nodes\/([0-9a-f-]{17})\/([A-Za-z0-9_-]+)\/keys\.cpio\.gz$/i;
const image = /^nixos\/([^/]+)\/([0-9a-f]+)\/([^/]+)$/;

/** What a cleaned file name stands for; undefined when it is the name of a plain file, or of nothing. */
export function parseVirtualFile(name: string): VirtualFile | undefined {
  if (name === "autoexec.ipxe") return { kind: "autoexec" };
  const ofGrub = grub.exec(name);
  if (ofGrub !== null) return config("grub", ofGrub[1]);
  const ofPxelinux = pxelinux.exec(name);
  if (ofPxelinux !== null) return config("pxelinux", ofPxelinux[1]);
  const [, owner = "", nonce = ""] = keys.exec(name) ?? [];
  const mac = parseMac(owner);
  if (mac !== undefined) return { kind: "keys", mac, nonce };
  const [, profile, version, file] = image.exec(name) ?? [];
  if (profile === undefined || version === undefined || file === undefined) return undefined;
  return { kind: "image", profile, version, file };
}

function config(kind: "grub" | "pxelinux", text: string | undefined): VirtualFile | undefined {
  if (text === undefined) return { kind, mac: undefined };
  const mac = parseMac(text);
  return mac && { kind, mac };
}
