"""What a kind of AWS resource is: settings as fields, and the few methods that speak to AWS for it.

Nothing here knows any AWS service. What a kind says of each setting are the markers in `markers`, which it imports from here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Self, TypeVar

from reptiops.engine.canonical import Plain
from reptiops.engine.change import REVERSIBLE as REVERSIBLE
from reptiops.engine.change import UNDO as UNDO
from reptiops.engine.change import Change as Change
from reptiops.engine.change import Effect as Effect
from reptiops.engine.change import Undo as Undo
from reptiops.engine.change import Undoing as Undoing
from reptiops.engine.markers import either_name as either_name
from reptiops.engine.markers import fixed as fixed
from reptiops.engine.markers import follows as follows
from reptiops.engine.markers import initial as initial
from reptiops.engine.markers import lent as lent
from reptiops.engine.markers import local as local
from reptiops.engine.markers import other_name as other_name
from reptiops.engine.markers import satisfied as satisfied
from reptiops.engine.markers import secret as secret
from reptiops.rights import Right

if TYPE_CHECKING:
    from reptiops.aws import Aws
    from reptiops.engine.place import Place
    from reptiops.engine.scope import Scope
    from reptiops.engine.usage import Around, Use

Phase = Literal["ready", "pending", "going", "gone", "failed"]
Risk = Literal["security", "availability", "data", "cost", "cosmetic"]
Drawn = Literal["", "network", "subnet", "edge", "entry", "gate", "service", "data", "store"]
"""Where a picture of the environment has it: around everything, around a part, in front, the way in or out, what runs,
what it keeps its data in, what lies beside; or nowhere."""
Doing = Literal["create", "update", "delete"]
COSMETIC = frozenset({"name", "description", "comment"})
"""Fields of these names change nothing but what people read."""
ADDRESS_TAG = "reptiops:address"
AT_ONCE = 5.0
"""Seconds up to which a deletion counts as done when AWS has answered; the look at the end of a run proves it."""


@dataclass(frozen=True)
class Identity:
    """What a create must carry: the address, the tags that prove ownership, and a token that is the same at each retry."""

    address: str
    tags: Mapping[str, str]
    generation: int = 0
    restoring: Callable[[Mapping[str, Plain] | None], None] = field(default=lambda _: None, compare=False)
    """Told by a kind right before it takes back what was deleted instead of making it: with which settings of the tool a
    rollback has to delete it, so that it can be taken back once more. None: AWS has made it anew, whatever was told before."""

    @property
    def token(self) -> str:
        """32 hexadecimal characters, for AWS's idempotency parameters (`ClientToken`, `IdempotencyToken`, …)."""
        text = "|".join((self.tags.get("Project", ""), self.tags.get("Environment", ""), self.address))
        return hashlib.sha256(f"{text}|{self.generation}".encode()).hexdigest()[:32]

    def tag_list(self, key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
        """The tags in AWS's list form; some services spell the members in lower case."""
        return [{key: k, value: v} for k, v in self.tags.items()]


@dataclass(frozen=True)
class Status:
    """The state of a live resource: its phase, AWS's own word for it, and the reason where AWS gives one. What is `going`
    AWS is deleting: it counts as not there, but one of its name can only be made when it is gone.
    """

    phase: Phase = "ready"
    word: str = ""
    reason: str = ""
    changing: bool = True
    """While it is pending: whether AWS is in the middle of a change, which nothing of ours may disturb. False for what
    only is not as it should be, such as a task that keeps dying, or a certificate whose validation nobody answers.
    """
    partial: bool = False
    """AWS does not show all of it yet, so its fields cannot be compared."""
    unapplied: bool = False
    """AWS has taken changes that it has not made yet: for who has just sent them it is not ready."""
    alert: bool = False
    """It is as it should be, and says of something else that this is not: an alarm that rings."""


READY = Status()
R = TypeVar("R", bound="Resource")


@dataclass(frozen=True)
class Live(Generic[R]):
    """A resource as AWS has it. `has` is an instance of the same class as the wanted one."""

    id: str
    has: R
    address: str | None = None
    status: Status = READY
    out: Mapping[str, str] = field(default_factory=dict)
    created: datetime | None = None
    identity: Identity | None = None
    """For an update that makes something new (a task definition's next revision): what that has to carry."""

    @property
    def names(self) -> tuple[str, ...]:
        """What AWS calls it, its ARN too, and the parts that carry its tags with it: `out["members"]`, by id or ARN."""
        return (self.id, self.out.get("arn", ""), *filter(None, self.out.get("members", "").split(",")))


@dataclass(frozen=True)
class Made:
    """What the answer to a create tells of the new resource, where nothing more has to be asked.

    With status "ready" it counts as made; while it is pending, those that need it only created can go on.
    """

    id: str
    out: Mapping[str, str] = field(default_factory=dict)
    status: Status = READY


class NotYet(Exception):
    """Raised by a kind whose call has to wait for AWS; the engine asks again. The text is shown to the person."""


class Kept(Exception):
    """Raised by a kind whose deletion would harm somebody else, or, `unasked`, nobody could tell: it stays, the text says why."""

    unasked: ClassVar[bool] = False


@dataclass(frozen=True)
class Resource:
    """The base of every kind. See `docs/adding-a-resource.md` for a worked example."""

    of_service: ClassVar[str] = ""
    """The first part of the kind's name where it is not its module's: states know a kind by its name, wherever it moves."""
    absent: ClassVar[frozenset[str]] = frozenset()
    """AWS error codes that mean: it is not there."""
    not_yet: ClassVar[frozenset[str]] = frozenset()
    """AWS error codes that pass by themselves (eventual consistency, a neighbour still changing)."""
    unseen: ClassVar[frozenset[str]] = frozenset()
    """AWS error codes of a create's further calls that mean: its first call made it, but AWS does not see it yet."""
    propagating: ClassVar[tuple[tuple[str, str], ...]] = ()
    """(code, part of the message) of errors that pass by themselves although the code alone is final elsewhere."""
    typical: ClassVar[float] = 2.0
    """Seconds that AWS typically needs until a new one is ready."""
    typical_delete: ClassVar[float] = 2.0
    """Seconds that AWS typically needs until a deleted one is gone."""
    together: ClassVar[int] = 1
    """How many of them one call removes, see `delete_all`."""
    nine_in_ten: ClassVar[float | None] = None
    """Seconds within which nine of ten are ready; None: half as much again as `typical`. See docs/timings.md."""
    limit: ClassVar[float] = 600.0
    """Seconds after which waiting for it is given up."""
    risk: ClassVar[Risk] = "availability"
    """What is at stake when it differs from what was applied; `risks` says so for single fields."""
    risks: ClassVar[Mapping[str, Risk]] = {}
    without: ClassVar[Risk | None] = None
    """What is at stake when it is missing, where that is another than `risk`."""
    holds_data: ClassVar[bool] = False
    good_empty: ClassVar[bool] = False
    """Whether one that holds data is of use without them: it goes with what filled it, if that run undoes itself."""
    refilled: ClassVar[bool] = False
    """True: what it holds may be lost at any time, and who uses it fills it again: a cache. Deleting it is no loss for good."""
    anew_empty: ClassVar[bool] = False
    """True: one that held data and was deleted is made anew by a rollback, empty: what names it finds something there."""
    content: ClassVar[str] = ""
    """The name of the value of `out` that is another with what it holds, such as a secret's version, or which database it is."""
    lost: ClassVar[str] = ""
    """What goes for good with one that holds no data, in a sentence: what AWS chose, and chooses another time."""
    forgotten: ClassVar[str] = ""
    """What is not as it was where one that was deleted is made anew from its settings, in a sentence."""
    unsaved: ClassVar[str] = ""
    """Of what can go with something left to bring it back by: what is said where nothing is left, in some words."""
    needed_elsewhere: ClassVar[str] = ""
    """Where its deletion finds out that somebody else needs it and leaves it: when, in a sentence."""
    opaque: ClassVar[bool] = False
    """True: AWS does not tell whether it holds data, so it counts as used once what needs it is in service."""
    taggable: ClassVar[bool] = True
    """False: AWS keeps no tags on it; ownership is by the parent and the natural key."""
    existing: ClassVar[bool] = False
    """True: shared with others and found rather than made; a found one is never written and never deleted."""
    renewed: ClassVar[bool] = False
    """True: an update gives it a new id, so who uses the id changes too."""
    key_stays: ClassVar[bool] = False
    """True: others may give it a new id while it stays what it is, so its key tells it from what was there before: what a
    pipeline deploys anew, whom an addressee confirms."""
    free: ClassVar[bool] = False
    """True: AWS bills nothing for it. A kind says this or what it is billed for; one that says neither is told as unpriced."""
    drawn: ClassVar[Drawn] = ""
    removable: ClassVar[bool] = False
    """True: one that nobody declared may go without a question, as it serves nobody: a rule that lets something in."""
    protections: ClassVar[frozenset[str]] = frozenset()
    """Dotted fields that protect while they are on: switched on by hand, they are never switched off unasked."""
    loose: ClassVar[frozenset[str]] = frozenset()
    """Fields that may name what is deleted before it: it is then left over, as an alarm, or goes along, as a group's rule."""
    within: ClassVar[bool] = False
    """True: it lives inside a resource that is ours, so one without our tags is ours all the same."""
    untold: ClassVar[bool] = False
    """True: AWS tells no tags of one that it is still making: one of our name is ours if a run has asked for it."""
    made_beside: ClassVar[bool] = False
    """True: it is replaced by making the new one beside the old, which goes when everything else of the run is done."""
    meanwhile: ClassVar[str] = ""
    """What is not as usual while it is replaced, for a person who has to allow that."""
    returns: ClassVar[bool] = False
    """True: AWS may make a deleted one anew for a while, as its services write on: a teardown looks once more."""
    listed_late: ClassVar[float] = 0.0
    """Seconds for which AWS's lists may leave out a new one, or show one that has gone, where that is more than usual."""
    rights: ClassVar[tuple[Right, ...]] = ()
    """The IAM actions that its methods need."""

    def key(self) -> str | None:
        """The natural key by which AWS tells two of a kind apart, or None where only the id and the tags do."""
        return None

    def foreseen(self, place: Place) -> Mapping[str, str]:
        """Its `id`, and values of `out`, as far as they are sure to follow from its settings before it is made."""
        return {}

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """Everything of this kind that belongs to the environment, in as few calls as AWS allows."""
        raise NotImplementedError(cls.__name__)

    @classmethod
    def strangers(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """Those that `observe` leaves out because only tags tell whose they are: what could be adopted by its id."""
        return ()

    def resembles(self, other: Self) -> bool:
        """Whether another one is what this would be. Kinds without a natural key say what tells."""
        return self.key() is not None and self.key() == other.key()

    @classmethod
    def tag(cls, aws: Aws, live: Live[Any], identity: Identity) -> None:
        """Put our tags on one that exists and is taken over. Its other tags stay, and nothing else of it changes."""
        if cls.taggable:
            raise NotImplementedError(cls.__name__)

    def create(self, aws: Aws, identity: Identity) -> str | Made:
        """Make it. The first call carries the tags, further ones set only what `update` could.

        Answers what AWS's answer tells, or only the id, where the rest has to be read.
        """
        raise NotImplementedError(type(self).__name__)

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> str | None:
        """Set the top-level fields named in `changed` to this instance's values; answers an id if AWS gives a new one."""
        raise NotImplementedError(type(self).__name__)

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """Remove it. May raise `NotYet`; what is already gone is success."""
        raise NotImplementedError(type(self).__name__)

    def retire(self, aws: Aws, live: Live[Any]) -> None:
        """First half of a slow deletion, done at once at the start of a teardown (a distribution is disabled here)."""

    @classmethod
    def risk_of(cls, field: str) -> Risk:
        """What is at stake when a field differs."""
        return cls.risks.get(field) or ("cosmetic" if field in COSMETIC else cls.risk)

    @classmethod
    def at_stake(cls, change: Change) -> Risk:
        """The same of one difference, from what was wanted to what is there: its direction may count."""
        return cls.risk_of(change.field)

    @classmethod
    def undoing(cls, change: Change) -> Undoing:
        """How far a change of one field can be undone: what AWS takes back, and what is lost on the way there."""
        return REVERSIBLE

    def effect(self, change: Change) -> Effect:
        """How long AWS typically works at one change in place, and what is not as usual meanwhile."""
        return Effect()

    def takes(self, verb: Doing = "create", changes: Iterable[Change] = ()) -> float:
        """Seconds that AWS typically needs for this one: until it is ready, or gone. Of an update, those of its changes."""
        if verb == "update":
            return max((self.effect(change).seconds for change in changes), default=Effect.seconds)
        return self.typical if verb == "create" else self.typical_delete

    def late(self, verb: Doing = "create", changes: Iterable[Change] = ()) -> float:
        """Seconds after which this one is later than nine of ten."""
        spread = (self.nine_in_ten or 1.5 * self.typical) / self.typical if verb == "create" else 1.5
        return spread * self.takes(verb, changes)

    def foreign(self, live: Live[Any]) -> bool:
        """Whether one that is in no state, bears no tags of ours and has only our natural key is somebody else's."""
        return self.taggable and not self.within

    def standing(self, scope: Scope) -> Live[Self] | None:
        """The same one, where it is there already without being observed as ours: then it is adopted, not made."""
        return None

    def leaves(self, live: Live[Any]) -> str:
        """What its deletion leaves behind on purpose, in a sentence; empty for nothing."""
        return ""

    def traces(self, live: Live[Any]) -> str:
        """What AWS keeps of it in a place that others share, in a sentence; empty for nothing."""
        return ""

    def billable(self, around: Around) -> Iterable[Use]:
        """What AWS bills for it in a month, as items of the price list."""
        return ()

    @classmethod
    def priced(cls) -> bool:
        """Whether the kind says what it costs, be it nothing."""
        return cls.free or cls.billable is not Resource.billable

    def irreplaceable(self, live: Live[Any]) -> str:
        """Why AWS could not delete and remake a live one while others use it, and the way out; empty where it could."""
        return ""

    def hindered(self, live: Live[Any], changed: frozenset[str]) -> str:
        """Why fields must not be changed in place just now, and the way out; empty where they may."""
        return ""

    def staying(self, live: Live[Any]) -> str:
        """What of a live one stays otherwise than wanted, as AWS never takes it back, and what to do; empty for nothing."""
        return ""

    def not_again(self, has: Self) -> Mapping[str, str]:
        """Of how it was before: the fields that AWS no longer takes beside what stays of `has`, each with the reason."""
        return {}

    def given_up(self, before: Live[Any], live: Live[Any]) -> str:
        """Why AWS will not make it what an update asked for, which was sent when `before` was live; empty where it may."""
        return ""

    def succeeding(self, live: Live[Any]) -> Self:
        """As it is made beside the one that it replaces: under another name where AWS takes no second one of a name."""
        return self

    def blockers(self, aws: Aws, live: Live[Any]) -> str:
        """What holds it while AWS refuses its deletion: what, whose, and what frees it; empty where nothing is found."""
        return ""

    def known_whole(self) -> bool:
        """Of one as AWS has shown it: whether that is all there is to know in order to make it anew."""
        return True

    def unused(self) -> Self:
        """As it should be deleted if it was never in service: no final snapshot, no recovery window."""
        return self

    def displaces(self, lives: Iterable[Live[Any]]) -> Iterable[Live[Any]]:
        """Which others of its kind move out of its way when it is made or changed: rollback has to know them too."""
        return ()

    def in_service(self, aws: Aws, live: Live[Any]) -> str:
        """Why it must not be deleted by undoing the run that made it: data has come since. Empty where none has."""
        return ""

    def serves(self, live: Live[Any]) -> bool:
        """Whether it is up and somebody may use it, so that it writes to what it needs."""
        return False

    @classmethod
    def withdraw(cls, aws: Aws, scope: Scope, before: str) -> None:
        """For a kind that is `renewed`: take back what updates have put in the place of the id `before`."""
        raise NotImplementedError(cls.__name__)

    def protection(self, live: Live[Any]) -> str:
        """Why AWS would refuse its deletion until a protection is lifted; empty when nothing protects it."""
        return ""

    @classmethod
    def delete_all(cls, aws: Aws, lives: Iterable[Live[Any]]) -> None:
        """Remove up to `together` at once; if it fails, each is removed by itself."""
        raise NotImplementedError(cls.__name__)

    @classmethod
    def lingers(cls) -> bool:
        """Whether a deleted one is still there for a while, so that its end has to be watched."""
        return cls.typical_delete > AT_ONCE

    @classmethod
    def retires(cls) -> bool:
        """Whether this kind has a first half of deletion."""
        return cls.retire is not Resource.retire

    @classmethod
    def kind(cls) -> str:
        """`service.Class`, e.g. `ec2.Vpc`: how state and journal name the kind."""
        return f"{cls.of_service or cls.__module__.rsplit('.', 1)[-1]}.{cls.__name__}"
