// An agent with a planted bug: its checkpoint store says "written" at once and writes a little later, so that replies leave
// before their save. The kill test has to find what it loses.

import type { CheckpointStore } from "../../src/ports/checkpoint-store.ts";
import { startPlanted } from "./planted-start.ts";

const WRITE_DELAY_MS = 100;

function lateStore(store: CheckpointStore): CheckpointStore {
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

void startPlanted({ checkpoint: lateStore });
