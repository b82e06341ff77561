import { checkS3 } from "../../server/mod.ts";
import { checked, FILE, text } from "../leaf_types.ts";
import { type Setting, setting } from "../setting.ts";

/** The service that buckets of recordings are at. */
export const S3_ENDPOINT = setting<string>({
  key: "s3.endpoint",
  // One that is wrong may have a password in it.
  type: checked(
    text({ allowed: "a URL of http or https, without a user", isSecret: true }),
    (endpoint) => {
      checkS3("s3://bucket", { endpoint, accessKeyId: "-", secretAccessKey: "-" });
    },
  ),
  defaultInWords: "that of Amazon in the region",
  help: "the object storage that s3://BUCKET/PREFIX of recordings is at",
  doc:
    "Any service that speaks the protocol of S3. It needs a key: `s3.accessKeyId` and `s3.secretAccessKey`, such as " +
    "`${AWS_ACCESS_KEY_ID}` and `${AWS_SECRET_ACCESS_KEY}`, or `s3.credentialsFile`.",
  flag: { name: "s3-endpoint", placeholder: "URL", isRare: true },
  option: "s3.endpoint",
  change: "reload",
});

/** The region of the service. */
export const S3_REGION = setting<string>({
  key: "s3.region",
  type: text({ allowed: "a name such as eu-central-1", pattern: /^[\w-]{1,64}$/ }),
  defaultInWords: "us-east-1",
  help: "the region of the object storage; most services but Amazon's take any",
  flag: { name: "s3-region", placeholder: "NAME", isRare: true },
  option: "s3.region",
  change: "reload",
});

/** The public part of the key. */
export const S3_ACCESS_KEY_ID = setting<string>({
  key: "s3.accessKeyId",
  type: text({ allowed: "the public part of a key", isSecret: true }),
  help: "the public part of the key of the object storage",
  option: "s3.accessKeyId",
  change: "reload",
});

/** The secret part of the key. */
export const S3_SECRET_ACCESS_KEY = setting<string>({
  key: "s3.secretAccessKey",
  type: text({ allowed: "the secret part of a key", isSecret: true }),
  help: "the secret part of the key of the object storage",
  option: "s3.secretAccessKey",
  change: "reload",
});

/** A file that has both. */
export const S3_CREDENTIALS_FILE = setting<string>({
  key: "s3.credentialsFile",
  type: FILE,
  help: "file of that key: lines of aws_access_key_id = … and aws_secret_access_key = …",
  flag: { name: "s3-credentials", placeholder: "FILE", isRare: true },
  needs: (path) => [{ name: "read", path }],
  change: "reload",
});

/** Object storage that recordings go to. */
export const OBJECT_STORAGE: readonly Setting[] = [
  S3_ENDPOINT,
  S3_REGION,
  S3_ACCESS_KEY_ID,
  S3_SECRET_ACCESS_KEY,
  S3_CREDENTIALS_FILE,
];
