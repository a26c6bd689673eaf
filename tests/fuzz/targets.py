"""Everything that is fuzzed: what comes from outside, and our code's own entrance to it."""

from tests.fuzz.amqp import AMQP
from tests.fuzz.commands import COMMANDS
from tests.fuzz.ews import EWS
from tests.fuzz.files import FILES
from tests.fuzz.fuzz_harness import Target
from tests.fuzz.headers import HEADERS

TARGETS: dict[str, Target] = {target.name: target for target in (AMQP, COMMANDS, EWS, FILES, HEADERS)}
