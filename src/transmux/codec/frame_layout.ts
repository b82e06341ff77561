/** How NAL units are laid out in a frame's bytes. */
export interface FrameLayout {
  /** Bytes of the length before each NAL unit; `undefined` where they may be Annex B as well. */
  readonly lengthSize: 1 | 2 | 4 | undefined;
}
