// The plugin's executable, slash28-cni: the process around run(). What not every ADD needs is loaded when it is needed; node:fs,
// Bun.connect and process.stdout are not on that way, for each costs a pod a millisecond or more.

import packageFile from "../../package.json" with { type: "json" };
import type { PodRemoval } from "../datapath/types.ts";
import { blockingIo } from "../drivers/blocking-io.ts";
import { systemClock } from "../drivers/clock-system.ts";
import { run } from "./run.ts";

async function cleanUpHost(removal: PodRemoval, hostNetns: string | undefined): Promise<readonly string[]> {
  const [{ linuxKernel }, { cleanUp }] = await Promise.all([
    import("../drivers/kernel-linux.ts"),
    import("./clean-up.ts"),
  ]);
  const kernel = linuxKernel({ hostNamespacePath: hostNetns });
  try {
    return cleanUp(kernel, removal);
  } finally {
    kernel.close();
  }
}

const io = blockingIo();
run({
  env: process.env,
  version: packageFile.version,
  clock: systemClock(),
  io,
  cleanUp: cleanUpHost,
}).then(
  (status) => io.exit(status),
  () => io.exit(1),
);
