// Filled by the part that owns this folder.
export {};
