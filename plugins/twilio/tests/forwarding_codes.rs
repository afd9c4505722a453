//! The codes of call forwarding: the grammar against the parser that phones use, and the whole table of carriers as it was
//! collected.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail them")]

use patchbay_plugin_twilio::forwarding::carrier::{CarrierId, Mode, Ring};
use patchbay_plugin_twilio::forwarding::carriers::{CARRIERS, carrier};
use patchbay_plugin_twilio::forwarding::mmi::{Code, Condition, Dialled, Invalid, Procedure, Service, Timer, tel_uri};
use proptest::prelude::*;
use regex::Regex;

const DESTINATION: &str = "+15551230002";

/// Android's own expression (`GsmMmiCode`), with digits spelled out: action, service code, and the parts after it.
fn parsed(code: &str) -> Option<[Option<String>; 5]> {
    let pattern = r"^((\*|#|\*#|\*\*|##)([0-9]{2,3})(\*([^*#]*)(\*([^*#]*)(\*([^*#]*)(\*([^*#]*))?)?)?)?#)(.*)$";
    let found = Regex::new(pattern).unwrap().captures(code)?;
    assert_eq!(found.get(12).map(|rest| rest.as_str()), Some(""), "{code}: something follows");
    Some([2, 3, 5, 7, 9].map(|group| found.get(group).map(|part| part.as_str().to_owned())))
}

fn parts(code: &str) -> Option<[String; 5]> {
    parsed(code).map(|parts| parts.map(|part| part.unwrap_or_else(|| "-".to_owned())))
}

#[test]
fn the_published_vectors_are_made_and_read() {
    let to = |text: &str| Dialled::parse(text).unwrap();
    let voice = Some(Service::Telephony);
    let twenty = Some(Timer::seconds(20).unwrap());
    let register = |condition, text: &str, service, timer| {
        Code::register(condition, to(text), service, timer).unwrap().to_string()
    };
    let bare = |procedure, condition| Code::bare(procedure, condition).to_string();
    let vectors = [
        (register(Condition::All, DESTINATION, None, None), "**21*+15551230002#", ["**", "21", DESTINATION, "-", "-"]),
        (
            register(Condition::All, DESTINATION, voice, None),
            "**21*+15551230002*11#",
            ["**", "21", DESTINATION, "11", "-"],
        ),
        (
            Code::activate(Condition::All, to(DESTINATION)).to_string(),
            "*21*+15551230002#",
            ["*", "21", DESTINATION, "-", "-"],
        ),
        (bare(Procedure::Activate, Condition::All), "*21#", ["*", "21", "-", "-", "-"]),
        (bare(Procedure::Deactivate, Condition::All), "#21#", ["#", "21", "-", "-", "-"]),
        (bare(Procedure::Erase, Condition::All), "##21#", ["##", "21", "-", "-", "-"]),
        (bare(Procedure::Interrogate, Condition::All), "*#21#", ["*#", "21", "-", "-", "-"]),
        (
            register(Condition::NoReply, DESTINATION, voice, twenty),
            "**61*+15551230002*11*20#",
            ["**", "61", DESTINATION, "11", "20"],
        ),
        (
            register(Condition::NoReply, DESTINATION, None, twenty),
            "**61*+15551230002**20#",
            ["**", "61", DESTINATION, "", "20"],
        ),
        (
            register(Condition::AnyConditional, DESTINATION, voice, twenty),
            "**004*+15551230002*11*20#",
            ["**", "004", DESTINATION, "11", "20"],
        ),
        (
            register(Condition::AnyConditional, DESTINATION, None, None),
            "**004*+15551230002#",
            ["**", "004", DESTINATION, "-", "-"],
        ),
        (
            register(Condition::Busy, "5551230002", voice, None),
            "**67*5551230002*11#",
            ["**", "67", "5551230002", "11", "-"],
        ),
        (bare(Procedure::Erase, Condition::AnyConditional), "##004#", ["##", "004", "-", "-", "-"]),
        (bare(Procedure::Erase, Condition::Any), "##002#", ["##", "002", "-", "-", "-"]),
        (bare(Procedure::Deactivate, Condition::AnyConditional), "#004#", ["#", "004", "-", "-", "-"]),
        (bare(Procedure::Interrogate, Condition::NotReachable), "*#62#", ["*#", "62", "-", "-", "-"]),
    ];
    for (made, expected, read) in vectors {
        assert_eq!(made, expected);
        assert_eq!(parts(&made).unwrap(), read.map(str::to_owned), "{made}");
    }
    for star in ["*72", "*7215551230002", "*73"] {
        assert_eq!(parsed(star), None, "{star}");
    }
}

#[test]
fn what_networks_do_not_know_is_refused() {
    let to = || Dialled::parse(DESTINATION).unwrap();
    let twenty = Timer::seconds(20).unwrap();
    for condition in [Condition::All, Condition::Busy, Condition::NotReachable] {
        assert_eq!(Code::register(condition, to(), None, Some(twenty)), Err(Invalid::TimerNotTaken));
    }
    for seconds in [0, 1, 4, 12, 19, 31, 35, 60] {
        assert_eq!(Timer::seconds(seconds), Err(Invalid::Timer), "{seconds}");
    }
    for text in ["", "+", "911", "0151234567", "+05551230002", "1234567890123456", "*21#", "5551230002,1", "555123000w"]
    {
        assert_eq!(Dialled::parse(text), Err(Invalid::Destination), "{text}");
    }
    assert_eq!(Dialled::parse("+1 (555) 123-0002").unwrap().as_str(), DESTINATION);
    assert_eq!(tel_uri("**61*+15551230002*11*20#"), "tel:**61*+15551230002*11*20%23");
}

#[test]
fn rings_are_about_six_seconds() {
    let rings = Timer::SECONDS.map(|seconds| Timer::seconds(seconds).unwrap().rings());
    assert_eq!(rings, [1, 2, 3, 3, 4, 5]);
}

fn conditions() -> impl Strategy<Value = Condition> {
    prop::sample::select(Condition::ALL.to_vec())
}

proptest! {
    #[test]
    fn every_code_reads_back_as_what_it_was_made_of(
        condition in conditions(),
        number in r"\+?[1-9][0-9]{6,14}",
        service in prop::option::of(prop::sample::select(Service::ALL.to_vec())),
        seconds in prop::option::of(prop::sample::select(Timer::SECONDS.to_vec())),
    ) {
        let timer = seconds.map(|seconds| Timer::seconds(seconds).unwrap());
        let made = Code::register(condition, Dialled::parse(&number).unwrap(), service, timer);
        prop_assert_eq!(made.is_err(), timer.is_some() && !condition.takes_timer());
        if let Ok(code) = made {
            let code = code.to_string();
            let [action, read, to, read_service, read_timer] = parsed(&code).unwrap();
            prop_assert_eq!(action.as_deref(), Some("**"));
            prop_assert_eq!(read.as_deref(), Some(condition.code()));
            prop_assert_eq!(to.as_deref(), Some(number.as_str()));
            // an empty part is there only to reach a later one
            let expected = service.map(Service::code).or(timer.map(|_| ""));
            prop_assert_eq!(read_service.as_deref(), expected);
            prop_assert_eq!(read_timer, seconds.map(|seconds| seconds.to_string()));
        }
    }

    #[test]
    fn every_bare_code_reads_back(condition in conditions(), procedure in prop::sample::select(Procedure::ALL.to_vec())) {
        let code = Code::bare(procedure, condition).to_string();
        let [action, read, to, service, timer] = parsed(&code).unwrap();
        prop_assert_eq!(action.as_deref(), Some(procedure.prefix()));
        prop_assert_eq!(read.as_deref(), Some(condition.code()));
        prop_assert!(to.or(service).or(timer).is_none());
    }

    #[test]
    fn nothing_that_means_something_to_a_phone_gets_into_a_number(text in "\\PC{0,24}") {
        if let Ok(number) = Dialled::parse(&text) {
            let digits = number.as_str().strip_prefix('+').unwrap_or(number.as_str());
            prop_assert!((7..=15).contains(&digits.len()));
            prop_assert!(digits.bytes().all(|byte| byte.is_ascii_digit()));
            prop_assert!(!digits.starts_with('0'));
        }
    }
}

/// Ways that are one code each.
type Codes = &'static [&'static [&'static str]];

/// One row: to [`DESTINATION`], with 20 seconds where a code has a time and nobody asked for another one.
struct Row {
    carrier: CarrierId,
    mode: Mode,
    activate: Codes,
    deactivate: Codes,
    query: &'static [&'static str],
}

const fn row(
    carrier: CarrierId,
    mode: Mode,
    activate: Codes,
    deactivate: Codes,
    query: &'static [&'static str],
) -> Row {
    Row { carrier, mode, activate, deactivate, query }
}

const MISSED_OFF: Codes = &[&["##004#"], &["##61#", "##62#", "##67#"]];
const MISSED_ASKED: &[&str] = &["*#61#", "*#62#", "*#67#"];

const TABLE: &[Row] = &[
    row(CarrierId::Verizon, Mode::All, &[&["*725551230002"], &["*7215551230002"]], &[&["*73"]], &[]),
    row(CarrierId::Verizon, Mode::Missed, &[&["*715551230002"], &["*7115551230002"]], &[&["*73"]], &[]),
    row(
        CarrierId::TMobile,
        Mode::All,
        &[&["**21*15551230002#"], &["**21*15551230002*11#"], &["**21*+15551230002#"], &["**21*5551230002#"]],
        &[&["##21#"]],
        &["*#21#"],
    ),
    row(
        CarrierId::TMobile,
        Mode::Missed,
        &[
            &["**004*15551230002#"],
            &["**004*15551230002*11*20#"],
            &["**61*15551230002*11*20#", "**62*15551230002*11#", "**67*15551230002*11#"],
            &["**004*+15551230002#"],
            &["**004*5551230002#"],
        ],
        MISSED_OFF,
        MISSED_ASKED,
    ),
    row(
        CarrierId::TMobile,
        Mode::NoAnswer,
        &[
            &["**61*15551230002*11*20#"],
            &["**61*15551230002#"],
            &["**61*+15551230002*11*20#"],
            &["**61*5551230002*11*20#"],
        ],
        &[&["##61#"]],
        &["*#61#"],
    ),
    row(
        CarrierId::TMobile,
        Mode::Busy,
        &[&["**67*15551230002#"], &["**67*15551230002*11#"], &["**67*+15551230002#"], &["**67*5551230002#"]],
        &[&["##67#"]],
        &["*#67#"],
    ),
    row(
        CarrierId::TMobile,
        Mode::Unreachable,
        &[&["**62*15551230002#"], &["**62*15551230002*11#"], &["**62*+15551230002#"], &["**62*5551230002#"]],
        &[&["##62#"]],
        &["*#62#"],
    ),
    row(
        CarrierId::Att,
        Mode::All,
        &[
            &["**21*15551230002#"],
            &["*21*15551230002#"],
            &["**21*15551230002*11#"],
            &["**21*+15551230002#"],
            &["**21*5551230002#"],
        ],
        &[&["##21#"], &["#21#"]],
        &["*#21#"],
    ),
    row(
        CarrierId::Att,
        Mode::Missed,
        &[
            &["**004*15551230002*11*20#"],
            &["**004*15551230002#"],
            &["**61*15551230002*11*20#", "**62*15551230002*11#", "**67*15551230002*11#"],
            &["**004*+15551230002*11*20#"],
            &["**004*5551230002*11*20#"],
        ],
        MISSED_OFF,
        MISSED_ASKED,
    ),
    row(
        CarrierId::Att,
        Mode::NoAnswer,
        &[&["**61*15551230002#"], &["**61*15551230002*11*20#"], &["**61*+15551230002#"], &["**61*5551230002#"]],
        &[&["##61#"]],
        &["*#61#"],
    ),
    row(
        CarrierId::Att,
        Mode::Busy,
        &[&["**67*15551230002#"], &["**67*15551230002*11#"], &["**67*+15551230002#"], &["**67*5551230002#"]],
        &[&["##67#"]],
        &["*#67#"],
    ),
    row(
        CarrierId::Att,
        Mode::Unreachable,
        &[&["**62*15551230002#"], &["**62*15551230002*11#"], &["**62*+15551230002#"], &["**62*5551230002#"]],
        &[&["##62#"]],
        &["*#62#"],
    ),
    row(CarrierId::Landline, Mode::All, &[&["*725551230002"], &["72#5551230002"]], &[&["*73"], &["73#"]], &[]),
    row(CarrierId::Landline, Mode::Missed, &[&["*925551230002", "*905551230002"]], &[&["*93", "*91"]], &[]),
    row(CarrierId::Landline, Mode::NoAnswer, &[&["*925551230002"]], &[&["*93"]], &[]),
    row(CarrierId::Landline, Mode::Busy, &[&["*905551230002"]], &[&["*91"]], &[]),
    row(CarrierId::UsCellular, Mode::All, &[&["*725551230002"]], &[&["*73"], &["*720"]], &[]),
    row(
        CarrierId::UsCellular,
        Mode::Missed,
        &[&["*715551230002"], &["*925551230002", "*905551230002"]],
        &[&["*73"], &["*720"]],
        &[],
    ),
    row(CarrierId::UsCellular, Mode::NoAnswer, &[&["*925551230002"]], &[&["*73"], &["*720"]], &[]),
    row(CarrierId::UsCellular, Mode::Busy, &[&["*905551230002"]], &[&["*73"], &["*720"]], &[]),
    row(CarrierId::Gsm, Mode::All, &[&["**21*+15551230002#"], &["**21*+15551230002*11#"]], &[&["##21#"]], &["*#21#"]),
    row(
        CarrierId::Gsm,
        Mode::Missed,
        &[
            &["**004*+15551230002*11*20#"],
            &["**004*+15551230002#"],
            &["**61*+15551230002*11*20#", "**62*+15551230002*11#", "**67*+15551230002*11#"],
        ],
        MISSED_OFF,
        MISSED_ASKED,
    ),
    row(
        CarrierId::Gsm,
        Mode::NoAnswer,
        &[&["**61*+15551230002*11*20#"], &["**61*+15551230002**20#"]],
        &[&["##61#"]],
        &["*#61#"],
    ),
    row(CarrierId::Gsm, Mode::Busy, &[&["**67*+15551230002*11#"], &["**67*+15551230002#"]], &[&["##67#"]], &["*#67#"]),
    row(
        CarrierId::Gsm,
        Mode::Unreachable,
        &[&["**62*+15551230002*11#"], &["**62*+15551230002#"]],
        &[&["##62#"]],
        &["*#62#"],
    ),
];

#[test]
fn every_carrier_and_mode_has_the_codes_that_were_collected() {
    for carrier in CARRIERS {
        for mode in Mode::ALL {
            let what = format!("{} {mode:?}", carrier.name);
            let expected = TABLE.iter().find(|row| row.carrier == carrier.id && row.mode == mode);
            let (offer, expected) = match (carrier.offer(mode), expected) {
                (Some(offer), Some(expected)) => (offer, expected),
                (None, None) => continue,
                (offer, _) => panic!("{what}: offered: {}, in the table: {}", offer.is_some(), offer.is_none()),
            };
            let activate = offer.switch_on(DESTINATION, carrier.numbers, None).unwrap();
            assert_eq!(activate, expected.activate, "{what}: activate");
            assert_eq!(offer.switch_off(), expected.deactivate, "{what}: deactivate");
            let query: Vec<String> = offer.query.iter().map(|template| template.pattern()).collect();
            assert_eq!(query, expected.query, "{what}: query");
        }
    }
    let offered: usize = CARRIERS.iter().map(|carrier| carrier.offers.len()).sum();
    assert_eq!(offered, TABLE.len());
}

#[test]
fn what_resets_everything_is_there_for_every_carrier_with_codes() {
    let reset = |id| carrier(id).unwrap().reset.iter().map(|template| template.pattern()).collect::<Vec<_>>();
    assert_eq!(reset(CarrierId::Verizon), ["*73"]);
    assert_eq!(reset(CarrierId::TMobile), ["##002#"]);
    assert_eq!(reset(CarrierId::Att), ["##002#"]);
    assert_eq!(reset(CarrierId::Landline), ["*73", "*93", "*91"]);
    assert_eq!(reset(CarrierId::UsCellular), ["*73"]);
    assert_eq!(reset(CarrierId::Gsm), ["##002#"]);
    assert!(reset(CarrierId::Reseller).is_empty());
}

#[test]
fn whatever_is_a_code_of_a_gsm_network_is_one_for_phones_too() {
    for carrier in CARRIERS.iter().filter(|carrier| carrier.ring == Ring::Code) {
        for offer in carrier.offers {
            let on = offer.switch_on(DESTINATION, carrier.numbers, None).unwrap();
            for code in on.iter().chain(&offer.switch_off()).flatten() {
                assert!(parsed(code).is_some(), "{}: {code}", carrier.name);
            }
        }
    }
}

#[test]
fn a_ring_time_is_said_where_a_code_can_say_it_and_refused_where_none_can() {
    let ten = Some(Timer::seconds(10).unwrap());
    let on = |id, mode| {
        let carrier = carrier(id).unwrap();
        carrier.offer(mode).unwrap().switch_on(DESTINATION, carrier.numbers, ten)
    };
    let first = |id, mode| on(id, mode).unwrap().swap_remove(0);
    assert_eq!(first(CarrierId::TMobile, Mode::Missed), ["**004*15551230002*11*10#"]);
    assert_eq!(first(CarrierId::Att, Mode::NoAnswer), ["**61*15551230002*11*10#"]);
    assert_eq!(first(CarrierId::Gsm, Mode::NoAnswer), ["**61*+15551230002*11*10#"]);
    for (id, mode) in [
        (CarrierId::Verizon, Mode::Missed),
        (CarrierId::Landline, Mode::NoAnswer),
        (CarrierId::TMobile, Mode::All),
        (CarrierId::Gsm, Mode::Busy),
    ] {
        assert_eq!(on(id, mode), Err(Invalid::TimerNotTaken), "{id:?} {mode:?}");
    }
}

#[test]
fn american_carriers_take_american_numbers_alone() {
    for carrier in CARRIERS {
        let Some(offer) = carrier.offer(Mode::All) else { continue };
        let on = offer.switch_on("+4930123456", carrier.numbers, None);
        match carrier.id {
            CarrierId::Gsm => assert_eq!(on.unwrap()[0], ["**21*+4930123456#"]),
            _ => assert_eq!(on, Err(Invalid::NotNational), "{}", carrier.name),
        }
    }
}
