// An agent as the executable starts it, with some of its ports replaced: how the kill test plants a bug.

import { startAgent } from "../../src/agent/agent.ts";
import { parseAgentConfig } from "../../src/agent/config.ts";
import { checkpointFile } from "../../src/drivers/checkpoint-file.ts";
import { parseClockScale, scaledClock, systemClock } from "../../src/drivers/clock-system.ts";
import { ec2Sdk } from "../../src/drivers/ec2-sdk.ts";
import { imdsHttp } from "../../src/drivers/imds-http.ts";
import { kubeFile } from "../../src/drivers/kube-file.ts";
import { openLog } from "../../src/drivers/log-file.ts";
import type { CheckpointStore } from "../../src/ports/checkpoint-store.ts";
import type { Ec2 } from "../../src/ports/ec2.ts";

export interface Plant {
  readonly checkpoint?: (real: CheckpointStore) => CheckpointStore;
  readonly ec2?: (real: Ec2) => Ec2;
}

export async function startPlanted(plant: Plant): Promise<void> {
  const parsed = parseAgentConfig(process.env);
  if (!("config" in parsed)) throw new Error(parsed.refusals.map((refusal) => refusal.message).join("\n"));
  const { config } = parsed;
  const scale = config.clockText === undefined ? undefined : parseClockScale(config.clockText);
  const clock = scale === undefined ? systemClock() : scaledClock(scale);
  const checkpoint = checkpointFile(config.checkpointPath);
  const ec2 = ec2Sdk({ region: "us-west-2", endpoint: config.ec2Endpoint, version: "0" });
  const agent = await startAgent(config, {
    clock,
    imds: imdsHttp({ endpoint: config.imdsEndpoint, timeoutMs: config.httpTimeoutMs, nowMs: () => clock.nowMs() }),
    ec2: plant.ec2?.(ec2) ?? ec2,
    kube: kubeFile({ path: config.factsPath ?? "", annotationKey: undefined, labelKey: undefined }),
    checkpoint: plant.checkpoint?.(checkpoint) ?? checkpoint,
    checkpointProblem: () => undefined,
    log: openLog({ target: config.logTarget, level: config.logLevel, clock }),
    seed: 1,
    bootId: crypto.randomUUID().slice(0, 8),
    version: "0",
    runtime: "test",
  });
  process.on("SIGTERM", () => void agent.stop().then(() => process.exit(0)));
}
