"""Limits, the same as on the host's side."""

#: A frame's JSON header, in bytes.
HEADER_BYTES_MAX = 16 * 1024 * 1024
#: All attachments of one frame, in bytes.
BODY_BYTES_MAX = 1024 * 1024 * 1024
#: Parts of one frame's body.
ATTACHMENTS_MAX = 100_000
#: Nesting of a message.
DEPTH_MAX = 64
#: Length of a method's name.
METHOD_LENGTH_MAX = 256
#: Events that a reader may ask for at once.
CREDIT_MAX = 1_000_000
#: Calls under way at once; the host stays far below.
CONCURRENCY_MAX = 256
#: Strings of one tensor.
STRINGS_MAX = 1024 * 1024
#: Numbers that both sides write the same.
SAFE_INTEGER_MAX = 2**53 - 1
#: Frames up to this size, in bytes, are written in one piece: a copy of it costs less than a second system call.
JOINED_BYTES_MAX = 64 * 1024
#: A process that has been greeted and got nothing to do for so many seconds is a spare, and warms up. Sooner, a long import in native
#: code could hold up the first answers, and the exit of a process that is not wanted after all.
WARM_UP_DELAY_S = 0.5
#: After the host has gone, a call may take so many seconds to end; then the process ends under it.
EXIT_GRACE_S = 1.0
