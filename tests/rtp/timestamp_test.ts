import { assert, assertEquals } from "@std/assert";
import fc from "../support/fast_check.ts";
import {
  compactNtp,
  ntpFromUnixUs,
  RtpTimestampUnwrapper,
  ticksFromUs,
  unixUsFromNtp,
  usFromTicks,
} from "../../src/rtp/mod.ts";

const RATES = [8000, 11025, 22050, 44100, 48000, 90000, 96000];

Deno.test("ticks become microseconds and the same ticks again, at any time", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
      fc.constantFrom(...RATES),
      (ticks, rate) => {
        const us = usFromTicks(ticks, rate);
        assert(Number.isSafeInteger(us));
        assertEquals(ticksFromUs(us, rate), ticks);
        const exact = BigInt(ticks) * 1_000_000n;
        const error = exact - BigInt(us) * BigInt(rate);
        assert(error * 2n <= BigInt(rate) && error * 2n >= -BigInt(rate), "half a microsecond");
      },
    ),
    { seed: 7, numRuns: 500 },
  );
});

Deno.test("an hour of RTMP milliseconds on an RTP clock does not drift", () => {
  for (const rate of RATES) {
    for (let ms = 0; ms <= 3_600_000; ms += 997) {
      const back = usFromTicks(ticksFromUs(ms * 1000, rate), rate);
      assert(Math.abs(back - ms * 1000) <= 1_000_000 / rate, `${ms} ms at ${rate} Hz`);
    }
  }
});

Deno.test("RtpTimestampUnwrapper follows the clock across 2^32, forwards and back (R161)", () => {
  const unwrapper = new RtpTimestampUnwrapper();
  assertEquals(unwrapper.unwrap(0xfffffff0), 0xfffffff0);
  assertEquals(unwrapper.unwrap(10), 2 ** 32 + 10);
  assertEquals(unwrapper.unwrap(0xfffffffa), 0xfffffffa, "a picture out of order");
  assertEquals(unwrapper.peek(20), 2 ** 32 + 20);
  assertEquals(unwrapper.unwrap(0xfffffffb), 0xfffffffb, "peek changed nothing");
  unwrapper.reset();
  assertEquals(unwrapper.unwrap(5), 5);
  let expected = 5;
  for (let i = 0; i < 100; i++) {
    expected += 0x7fffffff;
    assertEquals(unwrapper.unwrap(expected % 2 ** 32), expected);
  }
});

Deno.test("NTP times become microseconds and the same NTP seconds again", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4_000_000_000_000_000 }), (unixUs) => {
      assertEquals(unixUsFromNtp(ntpFromUnixUs(unixUs)), unixUs);
    }),
    { seed: 3, numRuns: 500 },
  );
});

Deno.test("NTP times after 2036 belong to the second era", () => {
  const in2040 = Date.UTC(2040, 0, 1) * 1000;
  assert(ntpFromUnixUs(in2040).seconds < 2 ** 31);
  assertEquals(unixUsFromNtp(ntpFromUnixUs(in2040)), in2040);
});

Deno.test("compactNtp takes the middle 32 bits", () => {
  assertEquals(compactNtp({ seconds: 0xe363887a, fraction: 0x17ced916 }), 0x887a17ce);
});
