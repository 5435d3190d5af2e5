// The wiring of pods alone: the code of the agent's network thread, in a process of its own inside the node's namespace, without
// socket, engine or checkpoint.

import { wirePod } from "../../src/datapath/pods.ts";
import type { PodWiring } from "../../src/datapath/types.ts";
import { unwirePod } from "../../src/datapath/unwire.ts";
import { linuxKernel } from "../../src/drivers/kernel-linux.ts";

/** Milliseconds of each pod's wiring, one after the other. */
export async function wiringTimes(netnsPath: string, pods: readonly PodWiring[]): Promise<number[]> {
  const child = Bun.spawn(["nsenter", `--net=${netnsPath}`, process.execPath, import.meta.path], {
    stdin: Buffer.from(JSON.stringify(pods)),
    stdout: "pipe",
    stderr: "inherit",
  });
  const text = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error("the wiring failed");
  return JSON.parse(text) as number[];
}

if (import.meta.main) {
  const kernel = linuxKernel({});
  const times = ((await Bun.stdin.json()) as PodWiring[]).map((pod) => {
    const startMs = performance.now();
    const outcome = wirePod(kernel, pod);
    const timeMs = performance.now() - startMs;
    if (outcome.kind === "failed") throw new Error(outcome.message);
    unwirePod(kernel, { attachment: pod, address: pod.address, hostInterface: outcome.hostInterface, vlanId: 0 });
    return timeMs;
  });
  process.stdout.write(JSON.stringify(times));
}
