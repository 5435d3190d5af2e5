// Cluster files loaded for the simulator, with the options that change them: one base for all runs of a file.

import { resolve } from "node:path";
import { formatCheckError } from "../cluster/index.ts";
import { type LoadedCluster, loadCluster, loadFaults, loadPods } from "../up/index.ts";
import { inputError, onDump, readDump } from "./cluster-input.ts";
import type { SimBase, SimSettings } from "./sim-job.ts";

export interface SimFlags {
  readonly set: ReadonlyMap<string, string>;
  readonly policy?: string;
  readonly ec2?: string;
  readonly faults?: string;
}

/** Throws `CommandError`; warnings go to standard error. */
export function loadBase(file: string, flags: SimFlags): SimBase {
  return baseOf(() => loadCluster(file), flags);
}

/** `load` may throw what `loadCluster` throws. */
export function baseOf(load: () => LoadedCluster, flags: SimFlags): SimBase {
  try {
    const loaded = load();
    const { fileName, vpc } = loaded.cluster;
    const cluster = {
      ...loaded.cluster,
      ...(flags.ec2 === undefined ? {} : onDump(loaded.cluster, { keepsGroups: true })),
    };
    const pods = loadPods({ ...loaded, cluster }, []);
    for (const warning of pods.warnings) process.stderr.write(`warning: ${formatCheckError(warning)}\n`);
    const dumpFolder = flags.ec2 ?? (vpc.kind === "dump" ? resolve(loaded.folder, vpc.path) : undefined);
    const dump = dumpFolder === undefined ? undefined : readDump(dumpFolder);
    if (flags.ec2 !== undefined && cluster.nodeGroups.length > 0) {
      const count = cluster.nodeGroups.reduce((sum, group) => sum + group.count, 0);
      process.stderr.write(
        `${flags.ec2}: ${count} nodes of ${fileName} are started beside what the dump holds; ` +
          "without nodeGroups its own instances are the nodes\n",
      );
    }
    const moreFaults =
      flags.faults === undefined ? undefined : { fileName: flags.faults, faults: loadFaults(flags.faults) };
    return { cluster, manifests: pods.manifests, traces: pods.traces, dump, moreFaults };
  } catch (error) {
    throw inputError(error);
  }
}

/** The file's settings with `--policy` and `--set`. */
export function settingsFor(base: SimBase, flags: SimFlags): SimSettings {
  const { policy, env } = base.cluster.cni;
  return { policy: flags.policy ?? policy, env: new Map([...env, ...flags.set]) };
}
