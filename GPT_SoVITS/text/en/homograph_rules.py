"""Rules for English homographs that a list of verbs and nouns cannot settle: read, lead, wind, close, live, ...

A rule looks at the words around its word through :class:`Place` and gives phones, or "" where the dictionary's reading
is right. Sets of words are closed classes of English (pronouns, auxiliaries) or the usual company of one reading.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

TO = frozenset(
    "to will would can could shall should may might must cannot can't won't wouldn't couldn't shouldn't i'll you'll "
    "we'll they'll he'll she'll it'll i'd you'd we'd they'd gonna wanna".split()
)
DO = frozenset("do does did don't doesn't didn't please let's not never".split())
PLURAL_SUBJECTS = frozenset("i you we they who".split())
SINGULAR_SUBJECTS = frozenset("he she it".split())
DETERMINERS = frozenset(
    "a an the this that these those my your his her its our their some any no every each another "
    "of in on with by for".split()
)
HAVE = frozenset(
    "have has had having i've you've we've they've he's she's be been being is was were are am get got "
    "haven't hasn't hadn't isn't wasn't weren't aren't who've who's".split()
)
OBJECTS = frozenset("the a an this that these those my your his her its our their it him them me us you".split())
BE = frozenset("be been being is was were are am i'm you're we're they're he's she's it's that's isn't".split())
ADVERBS = frozenset(
    "also always never ever just only often usually sometimes really still now then even already soon barely hardly "
    "simply both all".split()
)
AWAY = frozenset("up down apart off out through away".split())
#: What stands where a clause ends.
END = frozenset(["", ".", ",", "?", "!"])
PAST = frozenset(
    "yesterday ago last earlier was were had did said already once told went came took gave found saw thought knew "
    "made felt tore wrote cried laughed smiled sat stood threw".split()
)
PRESENT = frozenset("every always usually often sometimes tomorrow now daily today".split())


#: Verbs that a plural noun and a preposition around them show: critics object to the law.
_INTRANSITIVE = frozenset("object rebel protest converse".split())


@dataclass(frozen=True)
class Place:
    """A word among the words (lower case) and marks of its text."""

    words: Sequence[str]
    at: int
    written: str

    def __getitem__(self, offset: int) -> str:
        """The word at a distance (-1 the one before); "" beyond the text."""
        at = self.at + offset
        return self.words[at] if 0 <= at < len(self.words) else ""

    @property
    def before(self) -> str:
        """The word before; adverbs between it and this word are skipped ("will never read")."""
        for offset in (-1, -2, -3):
            word = self[offset]
            if word not in ADVERBS and not (word.endswith("ly") and len(word) > 4):
                return word
        return self[-4]

    def near(self, left: int, right: int) -> set[str]:
        """The words at most that far away."""
        return set(self.words[max(0, self.at - left) : self.at]) | set(self.words[self.at + 1 : self.at + 1 + right])

    def clause(self) -> list[str]:
        """The words before this one in its clause, the nearest first; at most eight."""
        out: list[str] = []
        for offset in range(-1, -9, -1):
            if self[offset] in END:
                break
            out.append(self[offset])
        return out

    def after_determiner(self) -> bool:
        """Whether a determiner stands before, with at most one word between ("a white dove")."""
        return self[-1] in DETERMINERS or (self[-2] in DETERMINERS and self[-1] not in PLURAL_SUBJECTS | {"and"})

    def is_verb(self) -> bool:
        """Whether the word stands where an English verb stands."""
        before, after = self.before, self[1]
        if self[-1] in DETERMINERS:
            return False
        if before in TO or before in DO or before in PLURAL_SUBJECTS:
            return True
        if before in SINGULAR_SUBJECTS and self[0].endswith("s"):
            return True
        # An imperative, or a subject that is a noun: "computers use the memory", "critics object to it".
        if (
            self[0] in _INTRANSITIVE
            and before.endswith("s")
            and not before.endswith("'s")
            and before not in OBJECTS | BE
        ):
            return after in {"against", "about", "over"} or (after == "to" and self[2] in OBJECTS)
        # "Can he use it", "did they record": the auxiliary stands before the subject.
        if before in SINGULAR_SUBJECTS and self[-2] in TO | DO:
            return True
        return after in OBJECTS and before not in HAVE


def _read(place: Place) -> str:
    past, present = "R EH1 D", "R IY1 D"
    clause = place.clause()
    for word in clause:
        if word in TO or word in DO or word in ("and", "or", "but", "that"):
            if word in TO or word in DO:
                return present
            break
        if word in HAVE:
            return past
    if place[-1].endswith("ly") and place[-2] in ("most", "more", "a", "the") or place[-1] == "well":
        return past
    before = place.before
    if not before or before in END:
        return present if place[1] not in ("by", "aloud") or before != "," else past
    near = place.near(8, 10)
    if before in PLURAL_SUBJECTS:
        return past if near & PAST and not near & (PRESENT - {"today", "now"}) else present
    if before in SINGULAR_SUBJECTS or before not in DETERMINERS and before not in ("and", "or", "then"):
        return present if before.endswith("s") and not near & PAST and before not in SINGULAR_SUBJECTS else past
    if before in ("and", "or", "then"):
        return past if near & PAST or any(w.endswith("ed") for w in near) else present
    return present


def _lead(place: Place) -> str:
    metal = "L EH1 D"
    made_of_it = set(
        "pipe pipes paint poisoning metal pencil acid bullet bullets ore batteries battery shot free".split()
    )
    metals = {"copper", "tin", "zinc", "silver", "mercury", "iron", "arsenic", "cadmium", "gold"}
    contains = {"contains", "contain", "contained", "containing", "molten", "like", "from"}
    if place[-1] in {"pencil", "molten"}:
        return metal
    if place[1] in made_of_it or (place[-1] in {"of"} | contains and place[1] in END | {"and", "or"}):
        return metal
    if {place[2], place[-2]} & metals and "and" in (place[1], place[-1]):
        return metal
    if place[-1] in END and place[1] in {"is", "was", "has", "melts", "and"}:
        return metal
    return "L IY1 D"


_ON_AIR = frozenset(
    "go goes went going gone play plays played playing perform performed watch watched broadcast streamed streaming "
    "recorded filmed aired televised sang shown caught".split()
)


def _live(place: Place) -> str:
    adjective = "L AY1 V"
    nouns = set(
        "music show shows concert concerts stream streams streaming broadcast broadcasts audience audiences "
        "video tv television event events wire ammunition animals performance performances coverage chat "
        "data feed update updates version demo album band recording session sessions report match game "
        "sports action entertainment fire bait stock oak".split()
    )
    if place[1] in nouns:
        return adjective
    before = place.before
    if before in TO | DO | PLURAL_SUBJECTS | {"and"} and place[-1] not in {"not"}:
        return "L IH1 V"
    if before in BE | _ON_AIR:
        return adjective
    if before in {"them", "it", "him", "her", "band", "team"} and place[-2] not in {
        "let",
        "make",
        "help",
        "where",
        "see",
    }:
        return adjective if place[1] in END | {"on", "in", "at", "from"} else "L IH1 V"
    if before in END and place[1] in {"from", "at", "on"}:
        return adjective
    return adjective if place[-1] in DETERMINERS else "L IH1 V"


_NUMBERS = frozenset(
    "two three four five six seven eight nine ten many several hundred thousand million countless few".split()
)
_OF_LIVES = frozenset(
    "save saved saves saving lose lost losing claimed claim cost costs human past daily everyday private personal "
    "innocent more own separate whole entire different normal real young risk risked risking other better double "
    "previous future busy social love people's children's women's men's our their your all both enough new of".split()
)


def _lives(place: Place) -> str:
    noun = place[-1] in _OF_LIVES | _NUMBERS or place[-1] in DETERMINERS - {"this", "that", "in", "on", "by", "no"}
    return "L AY1 V Z" if noun else "L IH1 V Z"


def _used(place: Place) -> str:
    habit = place[1] == "to" and place[-1] not in {"is", "are", "was", "were", "be", "been", "being"}
    return "Y UW1 S T" if habit else "Y UW1 Z D"


def _wind(place: Place) -> str:
    before, after = place.before, place[1]
    if place[-1] in DETERMINERS:
        return "W IH1 N D"
    verb = after in {"up", "down", "around", "it", "through", "your", "his", "her", "its", "them", "back"}
    verb = verb or (after in OBJECTS and (before in END | TO | DO | PLURAL_SUBJECTS | {"and"}))
    return "W AY1 N D" if verb or before in TO | DO else "W IH1 N D"


def _winds(place: Place) -> str:
    verb = place[1] in {"up", "down", "through", "around", "its", "along", "past", "between", "the", "his", "her", "it"}
    return "W AY1 N D Z" if verb and place[-1] not in DETERMINERS else "W IH1 N D Z"


_EYES = frozenset("eye eyes cheek cheeks face".split())


def _tear(place: Place) -> str:
    before = place.before
    verb = before in TO | DO | PLURAL_SUBJECTS or (place[1] in OBJECTS | AWAY and place[-1] not in DETERMINERS)
    worn = place[-1] == "and" and place[-2] == "wear"
    # A tear in a cloth; one in the eye is the other word.
    rip = place[1] in {"in", "between"} and not place.near(0, 3) & _EYES
    return "T EH1 R" if verb or worn or rip else "T IH1 R"


def _tears(place: Place) -> str:
    verb = (
        place.is_verb()
        or place[1] in AWAY - {"down"}
        or (place[1] == "down" and place[2] in OBJECTS and not place.near(0, 4) & _EYES)
    )
    return "T EH1 R Z" if verb else "T IH1 R Z"


def _bass(place: Place) -> str:
    fish = "fish fishing lake river sea caught catch striped largemouth smallmouth boat grilled trout".split()
    return "B AE1 S" if place.near(6, 6) & set(fish) else "B EY1 S"


def _bow(place: Place) -> str:
    bent = place.near(3, 0) & {"take", "takes", "took", "taking", "ship's", "boat's"} or place.is_verb()
    bent = bent or (place[1] in {"to", "down", "before", "out"} and place[-1] not in DETERMINERS - {"a"})
    return "B AW1" if bent else "B OW1"


def _row(place: Place) -> str:
    loud = set(
        "terrible huge big blazing flaming furious heated angry bitter political diplomatic family massive".split()
    )
    quarrel = place[-1] in loud and place[1] != "of"
    quarrel = quarrel or (place[-1] in {"a", "the"} and place[1] in {"over", "about", "erupted", "broke", "between"})
    return "R AW1" if quarrel else "R OW1"


def _dove(place: Place) -> str:
    down = {
        "into",
        "headfirst",
        "under",
        "off",
        "beneath",
        "below",
        "underwater",
        "straight",
        "right",
        "deep",
        "behind",
    }
    if place[-1] in DETERMINERS:
        return "D AH1 V"
    before = place.before
    verb = place[1] in down or (
        before in PLURAL_SUBJECTS | SINGULAR_SUBJECTS | {"and", "then"} and place[1] not in OBJECTS
    )
    return "D OW1 V" if verb else "D AH1 V"


def _content(place: Place) -> str:
    feels = {
        "quite",
        "perfectly",
        "feel",
        "feels",
        "felt",
        "seem",
        "seems",
        "seemed",
        "look",
        "looks",
        "looked",
        "very",
    }
    pleased = place[-1] in BE | feels | {"was", "were"} and place[1] in END | {"with", "to", "and"}
    return "K AH0 N T EH1 N T" if pleased else "K AA1 N T EH0 N T"


def _minute(place: Place) -> str:
    small = "detail details amount amounts quantity quantities difference differences particle particles change traces"
    return "M AY0 N UW1 T" if place[1] in small.split() else "M IH1 N AH0 T"


def _invalid(place: Place) -> str:
    person = place[-1] in DETERMINERS and place[1] in END | {"was", "is", "who", "and", "had", "has"}
    return "IH1 N V AH0 L AH0 D" if person else "IH2 N V AE1 L AH0 D"


def _wound(place: Place) -> str:
    turned = place[1] in {"up", "down", "around", "round", "through", "its", "tightly", "back"}
    turned = turned or place[1] in OBJECTS
    return "W AW1 N D" if turned and place[-1] not in DETERMINERS | BE | {"to"} else "W UW1 N D"


_MOVED_NEAR = frozenset(
    "come comes came coming stay stays stayed stand stands stood sit sits sat get gets got getting keep "
    "keeps kept hold held draw drew pull pulled lean leaned move moved live lives lived remain so very too "
    "how as that's it's is was are were be been pretty really quite fairly not this that stick".split()
)
_NEAR_NOUNS = frozenset(
    "friend friends call look range proximity relationship relationships ties attention encounter quarters "
    "second race game family relative relatives contact match fight shave thing enough by".split()
)


def _close(place: Place) -> str:
    near, shut = "K L OW1 S", "K L OW1 Z"
    before, after = place[-1], place[1]
    if before in DETERMINERS:
        return shut if after in {"of"} | END else near
    if after in _NEAR_NOUNS:
        return near
    if before in TO | DO | PLURAL_SUBJECTS and not (after == "to" and place[2] in OBJECTS and before not in TO):
        return near if before in {"not", "to"} and after in {"to"} and place[2] not in {"traffic"} else shut
    return near if after == "to" or before in _MOVED_NEAR else shut


def _use(place: Place) -> str:
    return "Y UW1 Z" if place.is_verb() else "Y UW1 S"


def _polish(place: Place) -> str:
    imperative = place[-1] in END and place[1] in OBJECTS
    return "P OW1 L IH0 SH" if place.written[0].isupper() and not imperative else "P AA1 L IH0 SH"


def _resume(place: Place) -> str:
    paper = place[-1] in DETERMINERS - {"of", "in", "on", "with", "by", "for"} or place[-1].endswith("'s")
    return "R EH1 Z AH0 M EY2" if paper else "R IH0 Z UW1 M"


def _learned(place: Place) -> str:
    scholar = place[1] in {"man", "men", "woman", "scholar", "professor", "judge", "friend", "society", "journal"}
    return "L ER1 N IH0 D" if scholar and place[-1] in DETERMINERS else "L ER1 N D"


def _moped(place: Place) -> str:
    return "M OW1 P T" if place[1] in {"about", "around"} or place.before in SINGULAR_SUBJECTS else "M OW1 P EH0 D"


def _does(place: Place) -> str:
    deer = place[-1] == "the" and place[1] in {"are", "were", "have", "and", "in"}
    return "D OW1 Z" if deer or place[-1] == "and" and place[-2] in {"bucks", "stags"} else "D AH1 Z"


RULES: dict[str, Callable[[Place], str]] = {
    "read": _read,
    "lead": _lead,
    "live": _live,
    "lives": _lives,
    "used": _used,
    "use": _use,
    "wind": _wind,
    "winds": _winds,
    "tear": _tear,
    "tears": _tears,
    "close": _close,
    "closes": lambda place: "K L OW1 Z IH0 Z",
    "bass": _bass,
    "bow": _bow,
    "row": _row,
    "sow": lambda place: "S AW1" if place[-1] in DETERMINERS else "S OW1",
    "dove": _dove,
    "content": _content,
    "minute": _minute,
    "invalid": _invalid,
    "wound": _wound,
    "polish": _polish,
    "resume": _resume,
    "learned": _learned,
    "moped": _moped,
    "does": _does,
}
