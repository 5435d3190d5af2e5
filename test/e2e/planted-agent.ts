// An agent with a planted bug: its checkpoint store says "written" at once and writes a little later, so that replies leave
// before their save. The kill test has to find what it loses.

import { startAgent } from "../../src/agent/agent.ts";
import { parseAgentConfig } from "../../src/agent/config.ts";
import { checkpointFile } from "../../src/drivers/checkpoint-file.ts";
import { parseClockScale, scaledClock, systemClock } from "../../src/drivers/clock-system.ts";
import { ec2Sdk } from "../../src/drivers/ec2-sdk.ts";
import { imdsHttp } from "../../src/drivers/imds-http.ts";
import { kubeFile } from "../../src/drivers/kube-file.ts";
import { openLog } from "../../src/drivers/log-file.ts";
import type { CheckpointStore } from "../../src/ports/checkpoint-store.ts";

const WRITE_DELAY_MS = 100;

function lateStore(path: string): CheckpointStore {
  const store = checkpointFile(path);
  let newest = "";
  let isWaiting = false;
  return {
    ...store,
    async write(content) {
      newest = Buffer.from(content).toString();
      if (isWaiting) return;
      isWaiting = true;
      setTimeout(() => {
        isWaiting = false;
        void store.write(newest);
      }, WRITE_DELAY_MS);
    },
  };
}

async function main(): Promise<void> {
  const parsed = parseAgentConfig(process.env);
  if (!("config" in parsed)) throw new Error(parsed.refusals.map((refusal) => refusal.message).join("\n"));
  const { config } = parsed;
  const scale = config.clockText === undefined ? undefined : parseClockScale(config.clockText);
  const clock = scale === undefined ? systemClock() : scaledClock(scale);
  const agent = await startAgent(config, {
    clock,
    imds: imdsHttp({ endpoint: config.imdsEndpoint, timeoutMs: config.httpTimeoutMs, nowMs: () => clock.nowMs() }),
    ec2: ec2Sdk({ region: "us-west-2", endpoint: config.ec2Endpoint, version: "0" }),
    kube: kubeFile({ path: config.factsPath ?? "", annotationKey: undefined, labelKey: undefined }),
    checkpoint: lateStore(config.checkpointPath),
    checkpointProblem: () => undefined,
    log: openLog({ target: config.logTarget, level: config.logLevel, clock }),
    seed: 1,
    bootId: crypto.randomUUID().slice(0, 8),
    version: "0",
    runtime: "test",
  });
  process.on("SIGTERM", () => void agent.stop().then(() => process.exit(0)));
}

void main();
