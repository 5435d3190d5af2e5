// The image of a pod's sandbox, made here because nothing can be pulled: one layer with one static executable of some 150 bytes
// that waits for ever.

import { createHash } from "node:crypto";
import { pack } from "tar-stream";

export const PAUSE_IMAGE = "example.test/pause:1";

const LOAD_ADDRESS = 0x400000;
const HEADERS_LENGTH = 64 + 56;

/** ELF machine number, and code that calls ppoll(0, 0, 0, 0) for ever. */
const MACHINES: Readonly<Record<string, { readonly machine: number; readonly goArch: string; readonly code: Buffer }>> =
  {
    // mov eax, 271; xor edi, edi; xor esi, esi; xor edx, edx; xor r10d, r10d; syscall; jmp -18
    x64: {
      machine: 62,
      goArch: "amd64",
      code: Buffer.from("b80f010000" + "31ff" + "31f6" + "31d2" + "4531d2" + "0f05" + "ebee", "hex"),
    },
    // mov x8, 73; mov x0..x3, 0; svc 0; b -6 instructions
    arm64: {
      machine: 183,
      goArch: "arm64",
      code: Buffer.from(
        "280980d2" + "000080d2" + "010080d2" + "020080d2" + "030080d2" + "010000d4" + "faffff17",
        "hex",
      ),
    },
  };

function machineOf(arch: string) {
  const machine = MACHINES[arch];
  if (machine === undefined) throw new Error(`there is no pause executable for ${arch}`);
  return machine;
}

/** A 64-bit executable: ELF header, one loadable segment, code. */
export function pauseExecutable(arch: string): Buffer {
  const { machine, code } = machineOf(arch);
  const file = Buffer.alloc(HEADERS_LENGTH + code.length);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  file.writeUInt16LE(2, 16); // executable
  file.writeUInt16LE(machine, 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(BigInt(LOAD_ADDRESS + HEADERS_LENGTH), 24); // entry
  file.writeBigUInt64LE(64n, 32); // program header
  file.writeUInt16LE(64, 52);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(1, 56);
  file.writeUInt32LE(1, 64); // loadable
  file.writeUInt32LE(5, 68); // read, execute
  file.writeBigUInt64LE(BigInt(LOAD_ADDRESS), 80);
  file.writeBigUInt64LE(BigInt(LOAD_ADDRESS), 88);
  file.writeBigUInt64LE(BigInt(file.length), 96);
  file.writeBigUInt64LE(BigInt(file.length), 104);
  file.writeBigUInt64LE(0x1000n, 112);
  file.set(code, HEADERS_LENGTH);
  return file;
}

interface TarEntry {
  readonly name: string;
  readonly mode: number;
  readonly bytes: Buffer;
}

async function tar(entries: readonly TarEntry[]): Promise<Buffer> {
  const stream = pack();
  for (const { name, mode, bytes } of entries) stream.entry({ name, mode, mtime: new Date(0) }, bytes);
  stream.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** The image as an OCI layout in a tar file, for `ctr images import`. */
export async function pauseImage(arch: string = process.arch): Promise<Buffer> {
  const blobs: TarEntry[] = [];
  const blob = (mediaType: string, bytes: Buffer) => {
    const hex = createHash("sha256").update(bytes).digest("hex");
    blobs.push({ name: `blobs/sha256/${hex}`, mode: 0o644, bytes });
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  };
  const json = (value: object) => Buffer.from(JSON.stringify(value));
  const platform = { architecture: machineOf(arch).goArch, os: "linux" };
  const layer = blob(
    "application/vnd.oci.image.layer.v1.tar",
    await tar([{ name: "pause", mode: 0o755, bytes: pauseExecutable(arch) }]),
  );
  const config = blob(
    "application/vnd.oci.image.config.v1+json",
    json({ ...platform, config: { Entrypoint: ["/pause"] }, rootfs: { type: "layers", diff_ids: [layer.digest] } }),
  );
  const manifest = blob(
    "application/vnd.oci.image.manifest.v1+json",
    json({ schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json", config, layers: [layer] }),
  );
  const index = {
    schemaVersion: 2,
    manifests: [{ ...manifest, platform, annotations: { "io.containerd.image.name": PAUSE_IMAGE } }],
  };
  return tar([
    { name: "oci-layout", mode: 0o644, bytes: json({ imageLayoutVersion: "1.0.0" }) },
    { name: "index.json", mode: 0o644, bytes: json(index) },
    ...blobs,
  ]);
}
