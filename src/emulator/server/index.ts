// The emulated VPC over HTTP: what other folders may import.
export { CONTROL_OPERATIONS, type OperationDefinition } from "./control-operations.ts";
export { defaultWorld } from "./default-world.ts";
export { type DumpFile, type DumpFolder, type DumpFolderProblem, placeInFiles, readDumpFolder } from "./dump-folder.ts";
export { type DumpWorld, readDumpWorld } from "./dump-world.ts";
export { type EmulatorOptions, type RunningEmulator, startEmulator } from "./emulator.ts";
export { type ListenAddress, ListenError, parseListen } from "./loopback-listen.ts";
