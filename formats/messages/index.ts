// The messages of the system: what clients send in frames, what stands on the topics, and their text forms.
export {
  type ControlEvent,
  type FrameContext,
  type FrameItem,
  type IngestMessage,
  type IngestType,
  ingestTypes,
  type ParsedFrame,
} from "./types.ts";
