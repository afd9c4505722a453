//! Every carrier and every mode: the whole table.
//!
//! There is no official list. Codes of GSM networks are those of 3GPP TS 22.030; which of them American carriers take, and
//! their own star codes, are from their users' guides, so several ways are offered wherever guides differ, the one that
//! most agree on first. A service (`*11`, voice) is named where guides name one.

use super::carrier::{Carrier, CarrierId, Confidence, Format, Mode, Offer, Ring, Template, Way};
use super::mmi::{Condition, Procedure, Service};

const fn plain(condition: Condition) -> Template {
    Template::Register { condition, service: None, timed: false }
}

const fn voice(condition: Condition) -> Template {
    Template::Register { condition, service: Some(Service::Telephony), timed: false }
}

const fn timed(condition: Condition) -> Template {
    Template::Register { condition, service: None, timed: true }
}

const fn timed_voice(condition: Condition) -> Template {
    Template::Register { condition, service: Some(Service::Telephony), timed: true }
}

const fn erase(condition: Condition) -> Template {
    Template::Bare(Procedure::Erase, condition)
}

const fn deactivate(condition: Condition) -> Template {
    Template::Bare(Procedure::Deactivate, condition)
}

const fn ask(condition: Condition) -> Template {
    Template::Bare(Procedure::Interrogate, condition)
}

const ERASE_ALL: &[Way] = &[&[erase(Condition::All)]];
const ERASE_MISSED: &[Way] = &[
    &[erase(Condition::AnyConditional)],
    &[erase(Condition::NoReply), erase(Condition::NotReachable), erase(Condition::Busy)],
];
const ERASE_NO_ANSWER: &[Way] = &[&[erase(Condition::NoReply)]];
const ERASE_BUSY: &[Way] = &[&[erase(Condition::Busy)]];
const ERASE_UNREACHABLE: &[Way] = &[&[erase(Condition::NotReachable)]];
const RESET: Way = &[erase(Condition::Any)];

const ASK_ALL: Way = &[ask(Condition::All)];
/// Not `*#004#`: many networks do not answer it.
const ASK_MISSED: Way = &[ask(Condition::NoReply), ask(Condition::NotReachable), ask(Condition::Busy)];
const ASK_NO_ANSWER: Way = &[ask(Condition::NoReply)];
const ASK_BUSY: Way = &[ask(Condition::Busy)];
const ASK_UNREACHABLE: Way = &[ask(Condition::NotReachable)];

/// For networks on which one code for all three fails.
const ONE_BY_ONE: Way = &[timed_voice(Condition::NoReply), voice(Condition::NotReachable), voice(Condition::Busy)];

/// All carriers.
pub const CARRIERS: &[Carrier] = &[VERIZON, T_MOBILE, ATT, LANDLINE, US_CELLULAR, RESELLER, GSM];

/// The carrier of this id.
#[must_use]
pub fn carrier(id: CarrierId) -> Option<&'static Carrier> {
    CARRIERS.iter().find(|carrier| carrier.id == id)
}

const VERIZON: Carrier = Carrier {
    id: CarrierId::Verizon,
    name: "Verizon Wireless",
    numbers: &[Format::National, Format::CountryAndNational],
    ring: Ring::Provider(Some((20, 30))),
    offers: &[
        Offer {
            mode: Mode::All,
            activate: &[&[Template::StarTo("*72")]],
            deactivate: &[&[Template::Star("*73")]],
            query: &[],
        },
        Offer {
            mode: Mode::Missed,
            activate: &[&[Template::StarTo("*71")]],
            deactivate: &[&[Template::Star("*73")]],
            query: &[],
        },
    ],
    reset: &[Template::Star("*73")],
    confidence: Confidence::Good,
    notes: &[
        "Wait for the confirmation tone, or let the call be answered, before you hang up.",
        "One code covers calls that nobody answers and calls while the line is busy; it cannot be set for one of them alone.",
        "*71 may be missing on some plans; One Talk and business lines are set up in their own portal.",
        "Codes with ** or ## do nothing here, and phones show no menu for forwarding.",
        "How long it rings cannot be set by a code. Forwarded minutes may be billed.",
    ],
};

const T_MOBILE: Carrier = Carrier {
    id: CarrierId::TMobile,
    name: "T-Mobile",
    numbers: &[Format::CountryAndNational, Format::International, Format::National],
    ring: Ring::Code,
    offers: &[
        Offer {
            mode: Mode::All,
            activate: &[&[plain(Condition::All)], &[voice(Condition::All)]],
            deactivate: ERASE_ALL,
            query: ASK_ALL,
        },
        Offer {
            mode: Mode::Missed,
            activate: &[&[plain(Condition::AnyConditional)], &[timed_voice(Condition::AnyConditional)], ONE_BY_ONE],
            deactivate: ERASE_MISSED,
            query: ASK_MISSED,
        },
        Offer {
            mode: Mode::NoAnswer,
            activate: &[&[timed_voice(Condition::NoReply)], &[plain(Condition::NoReply)]],
            deactivate: ERASE_NO_ANSWER,
            query: ASK_NO_ANSWER,
        },
        Offer {
            mode: Mode::Busy,
            activate: &[&[plain(Condition::Busy)], &[voice(Condition::Busy)]],
            deactivate: ERASE_BUSY,
            query: ASK_BUSY,
        },
        Offer {
            mode: Mode::Unreachable,
            activate: &[&[plain(Condition::NotReachable)], &[voice(Condition::NotReachable)]],
            deactivate: ERASE_UNREACHABLE,
            query: ASK_UNREACHABLE,
        },
    ],
    reset: RESET,
    confidence: Confidence::Good,
    notes: &[
        "Answers to *#…# are unreliable where calls go over LTE.",
        "Before you begin, note what *#61#, *#62# and *#67# show: that is your voicemail's number. ##004# usually brings it back.",
    ],
};

const ATT: Carrier = Carrier {
    id: CarrierId::Att,
    name: "AT&T Wireless",
    numbers: &[Format::CountryAndNational, Format::International, Format::National],
    ring: Ring::Code,
    offers: &[
        Offer {
            mode: Mode::All,
            activate: &[&[plain(Condition::All)], &[Template::Activate(Condition::All)], &[voice(Condition::All)]],
            deactivate: &[&[erase(Condition::All)], &[deactivate(Condition::All)]],
            query: ASK_ALL,
        },
        Offer {
            mode: Mode::Missed,
            activate: &[&[timed_voice(Condition::AnyConditional)], &[plain(Condition::AnyConditional)], ONE_BY_ONE],
            deactivate: ERASE_MISSED,
            query: ASK_MISSED,
        },
        Offer {
            mode: Mode::NoAnswer,
            activate: &[&[plain(Condition::NoReply)], &[timed_voice(Condition::NoReply)]],
            deactivate: ERASE_NO_ANSWER,
            query: ASK_NO_ANSWER,
        },
        Offer {
            mode: Mode::Busy,
            activate: &[&[plain(Condition::Busy)], &[voice(Condition::Busy)]],
            deactivate: ERASE_BUSY,
            query: ASK_BUSY,
        },
        Offer {
            mode: Mode::Unreachable,
            activate: &[&[plain(Condition::NotReachable)], &[voice(Condition::NotReachable)]],
            deactivate: ERASE_UNREACHABLE,
            query: ASK_UNREACHABLE,
        },
    ],
    reset: RESET,
    confidence: Confidence::Good,
    notes: &[
        "A guide that names *72 and *73 means a landline.",
        "Before you begin, note what *#61#, *#62# and *#67# show: that is your voicemail's number. If it does not come back when forwarding ends, the carrier sets it anew.",
    ],
};

const LANDLINE: Carrier = Carrier {
    id: CarrierId::Landline,
    name: "Landline or fixed VoIP (AT&T, Verizon and most local exchange carriers)",
    numbers: &[Format::National],
    ring: Ring::Provider(None),
    offers: &[
        Offer {
            mode: Mode::All,
            activate: &[&[Template::StarTo("*72")], &[Template::StarTo("72#")]],
            deactivate: &[&[Template::Star("*73")], &[Template::Star("73#")]],
            query: &[],
        },
        Offer {
            mode: Mode::Missed,
            activate: &[&[Template::StarTo("*92"), Template::StarTo("*90")]],
            deactivate: &[&[Template::Star("*93"), Template::Star("*91")]],
            query: &[],
        },
        Offer {
            mode: Mode::NoAnswer,
            activate: &[&[Template::StarTo("*92")]],
            deactivate: &[&[Template::Star("*93")]],
            query: &[],
        },
        Offer {
            mode: Mode::Busy,
            activate: &[&[Template::StarTo("*90")]],
            deactivate: &[&[Template::Star("*91")]],
            query: &[],
        },
    ],
    reset: &[Template::Star("*73"), Template::Star("*93"), Template::Star("*91")],
    confidence: Confidence::Varies,
    notes: &[
        "Codes differ from exchange to exchange; a few cancel with *99. If one fails, the provider's own page says which it takes.",
        "Some exchanges want the destination to answer when *72 is dialled: it must be in service before.",
        "The provider sets how long it rings.",
    ],
};

const US_CELLULAR: Carrier = Carrier {
    id: CarrierId::UsCellular,
    name: "US Cellular",
    numbers: &[Format::National],
    ring: Ring::Provider(None),
    offers: &[
        Offer {
            mode: Mode::All,
            activate: &[&[Template::StarTo("*72")]],
            deactivate: &[&[Template::Star("*73")], &[Template::Star("*720")]],
            query: &[],
        },
        Offer {
            mode: Mode::Missed,
            activate: &[&[Template::StarTo("*71")], &[Template::StarTo("*92"), Template::StarTo("*90")]],
            deactivate: &[&[Template::Star("*73")], &[Template::Star("*720")]],
            query: &[],
        },
        Offer {
            mode: Mode::NoAnswer,
            activate: &[&[Template::StarTo("*92")]],
            deactivate: &[&[Template::Star("*73")], &[Template::Star("*720")]],
            query: &[],
        },
        Offer {
            mode: Mode::Busy,
            activate: &[&[Template::StarTo("*90")]],
            deactivate: &[&[Template::Star("*73")], &[Template::Star("*720")]],
            query: &[],
        },
    ],
    reset: &[Template::Star("*73")],
    confidence: Confidence::Doubtful,
    notes: &["Now a part of T-Mobile: if these codes do nothing, the line may take T-Mobile's."],
};

const RESELLER: Carrier = Carrier {
    id: CarrierId::Reseller,
    name: "Google Fi, Mint, Metro, Cricket, Visible and other resellers or prepaid lines",
    numbers: &[],
    ring: Ring::Provider(None),
    offers: &[],
    reset: &[],
    confidence: Confidence::Doubtful,
    notes: &[
        "Such lines take the codes of the network that they run on, or none: forwarding of missed calls is often blocked.",
        "Google Fi and Visible set it up in their app or by voicemail.",
    ],
};

const GSM: Carrier = Carrier {
    id: CarrierId::Gsm,
    name: "Mobile networks outside the United States",
    numbers: &[Format::International],
    ring: Ring::Code,
    offers: &[
        Offer {
            mode: Mode::All,
            activate: &[&[plain(Condition::All)], &[voice(Condition::All)]],
            deactivate: ERASE_ALL,
            query: ASK_ALL,
        },
        Offer {
            mode: Mode::Missed,
            activate: &[&[timed_voice(Condition::AnyConditional)], &[plain(Condition::AnyConditional)], ONE_BY_ONE],
            deactivate: ERASE_MISSED,
            query: ASK_MISSED,
        },
        Offer {
            mode: Mode::NoAnswer,
            activate: &[&[timed_voice(Condition::NoReply)], &[timed(Condition::NoReply)]],
            deactivate: ERASE_NO_ANSWER,
            query: ASK_NO_ANSWER,
        },
        Offer {
            mode: Mode::Busy,
            activate: &[&[voice(Condition::Busy)], &[plain(Condition::Busy)]],
            deactivate: ERASE_BUSY,
            query: ASK_BUSY,
        },
        Offer {
            mode: Mode::Unreachable,
            activate: &[&[voice(Condition::NotReachable)], &[plain(Condition::NotReachable)]],
            deactivate: ERASE_UNREACHABLE,
            query: ASK_UNREACHABLE,
        },
    ],
    reset: RESET,
    confidence: Confidence::Good,
    notes: &[
        "Some networks round the ring time, or ignore it. A few, Telstra among them, name the service *10 instead of *11.",
        "Before you begin, note what *#61#, *#62# and *#67# show: that is your voicemail's number, which may not come back by itself.",
    ],
};

/// What holds for every carrier.
pub const NOTES: &[&str] = &[
    "Dial on the phone whose calls are to be forwarded, and end with the call key. With two SIMs choose the line first.",
    "\"Connection problem or invalid MMI code\" means that the line does not take the code, not that it was mistyped.",
    "iPhones open no links with * or #: copy the code, paste it into the keypad, press call.",
    "Forwarding of missed calls takes the place of the carrier's voicemail. 15 to 20 seconds leave time to answer.",
    "The destination must be in service before the code is dialled. Several carriers take no toll-free and no foreign number.",
    "Text messages are not forwarded.",
];
