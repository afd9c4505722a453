//! What a configuration file and the environment come to.

use patchbay_hub::KeySource;
use secrecy::ExposeSecret as _;

use super::*;

fn parse(text: &str, environment: &[(&str, &str)]) -> Result<Config> {
    let source = environment.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let fallback = environment.iter().find(|(key, _)| *key == "DATABASE_URL").map(|(_, url)| (*url).to_owned());
    let environment = Environment::with_prefix("PATCHBAY").source(Some(source));
    Config::parse(text, Path::new("/etc/patchbay"), environment, fallback)
}

#[test]
fn the_database_is_what_the_configuration_says_else_database_url_else_a_file() {
    let of = |text: &str, environment: &[(&str, &str)]| parse(text, environment).unwrap().database_url().to_string();
    let other = ("DATABASE_URL", "postgres://hub:secret@db/other");
    assert_eq!(of("", &[]), "sqlite:/etc/patchbay/data/patchbay.db");
    assert_eq!(of("", &[other]), "postgres://hub@db:5432/other");
    assert_eq!(of("", &[("DATABASE_URL", "")]), "sqlite:/etc/patchbay/data/patchbay.db");
    for key in ["database", "url"] {
        let text = format!("[data]\n{key} = \"postgres://hub:secret@db/own\"");
        assert_eq!(of(&text, &[other]), "postgres://hub@db:5432/own");
        let environment = ("PATCHBAY__DATA__DATABASE", "sqlite:/fast/patchbay.db");
        assert_eq!(of("", &[other, environment]), "sqlite:/fast/patchbay.db");
    }
    assert_eq!(of("[data]\ndatabase = \"sqlite:here.db\"", &[]), "sqlite:/etc/patchbay/here.db");
}

#[test]
fn the_databases_password_is_neither_in_an_error_nor_in_what_is_shown() {
    let config = parse("[data]\nurl = \"postgres://hub:hunter2@db/patchbay\"", &[]).unwrap();
    assert!(!format!("{config:?} {:?}", config.hub().unwrap()).contains("hunter2"));
    for (text, environment) in [
        ("[data]\ndatabase = \"postgres://hub:hunter2@db:port/patchbay\"", vec![]),
        ("", vec![("DATABASE_URL", "postgres://hub:hunter2@db:port/patchbay")]),
        ("", vec![("PATCHBAY__DATA__URL", "postgres://hub:hunter2@db/patchbay?sslmode=x")]),
    ] {
        let error = format!("{:?}", parse(text, &environment).unwrap_err());
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn an_empty_file_gives_the_defaults() {
    let config = parse("", &[]).unwrap();
    assert_eq!(config.server.listen, "127.0.0.1:8080".parse().unwrap());
    assert!(!config.plugins.allow_unsigned);
    assert_eq!(config.log.format, LogFormat::Text);
}

#[test]
fn the_guide_shows_the_defaults() {
    let guide = include_str!("../../../../docs/guides/operating-the-hub.md");
    let block = guide.split_once("```toml\n").unwrap().1.split_once("\n```").unwrap().0;
    let (shown, default) = (parse(block, &[]).unwrap(), parse("", &[]).unwrap());
    assert_eq!(format!("{:#?}", shown.hub().unwrap()), format!("{:#?}", default.hub().unwrap()));
    assert_eq!(format!("{:#?}", shown.server), format!("{:#?}", default.server));
    assert_eq!(format!("{:?} {:?}", shown.data, shown.log), format!("{:?} {:?}", default.data, default.log));
    assert_eq!(format!("{:?}", shown.audit), format!("{:?}", default.audit));
}

#[test]
fn paths_start_at_the_files_folder() {
    let config = parse("[data]\ndir = \"./data\"\n[plugins]\ndir = \"/srv/plugins\"", &[]).unwrap();
    assert_eq!(config.data.dir, Path::new("/etc/patchbay/./data"));
    assert_eq!(config.plugins.dir.as_deref(), Some(Path::new("/srv/plugins")));
}

#[test]
fn host_names_with_dots_are_keys_of_their_own() {
    let config = parse("[upstreams]\n\"api.openai.com\" = \"http://127.0.0.1:9100\"", &[]).unwrap();
    assert_eq!(config.upstreams["api.openai.com"].as_str(), "http://127.0.0.1:9100/");
}

#[test]
fn the_environment_wins_over_the_file() {
    let environment = [
        ("PATCHBAY__SERVER__LISTEN", "0.0.0.0:9000"),
        ("PATCHBAY__EGRESS__PORTS", "443,8443"),
        ("PATCHBAY__LIMITS__CALL__MEMORY_MIB", "32"),
        ("PATCHBAY__PLUGINS__ALLOW_UNSIGNED", "true"),
        ("PATCHBAY_BIN", "/not/ours"),
    ];
    let config = parse("[server]\nlisten = \"127.0.0.1:1\"", &environment).unwrap();
    assert_eq!(config.server.listen, "0.0.0.0:9000".parse().unwrap());
    assert_eq!(config.egress.ports, [443, 8443]);
    assert_eq!(config.limits.call.memory_mib, Some(32));
    assert!(config.plugins.allow_unsigned);
}

#[test]
fn the_operators_oauth_clients_are_by_plugin_and_their_secrets_are_not_shown() {
    let text = "[oauth.salesforce]\nclient_id = \"hub\"\nprivate_key = \"salesforce.pem\"";
    let config = parse(text, &[("PATCHBAY__OAUTH__SALESFORCE__CLIENT_SECRET", "canary")]).unwrap();
    let client = &config.oauth["salesforce"];
    assert_eq!(client.client_secret.as_ref().unwrap().expose_secret(), "canary");
    assert_eq!(client.private_key.as_deref(), Some(Path::new("/etc/patchbay/salesforce.pem")));
    assert!(!format!("{config:?}").contains("canary"));
    assert!(client.shared_grants.is_empty());
    let shared = parse(&format!("{text}\nshared_grants = [\"client-credentials\"]"), &[]).unwrap();
    assert_eq!(shared.oauth["salesforce"].shared_grants, [patchbay_hub::Grant::ClientCredentials]);
    assert!(parse("[oauth.salesforce]\nclient_id = \"hub\"\nsecret = \"s\"", &[]).is_err());
}

#[test]
fn keys_come_from_files_the_environment_and_commands() {
    let text =
        "[vault]\ncurrent = 2\n[vault.keys.1]\nfile = \"keys/master\"\n[vault.keys.2]\ncommand = [\"kms\", \"a,b\"]";
    let config =
        parse(text, &[("PATCHBAY__VAULT__KEYS__3__ENV", "KEK"), ("PATCHBAY__AUDIT__KEY__FILE", "sign")]).unwrap();
    let keys = config.hub().unwrap().keys;
    assert_eq!(keys.current, Some(2));
    assert_eq!(keys.keys[&1], KeySource::File(PathBuf::from("/etc/patchbay/keys/master")));
    let KeySource::Command(command) = &keys.keys[&2] else { panic!("a command") };
    assert_eq!(command.arguments, ["a,b"]);
    assert_eq!(keys.keys[&3], KeySource::Env("KEK".to_owned()));
    let signing = config.hub().unwrap().signing;
    assert_eq!(signing.key, Some(KeySource::File(PathBuf::from("/etc/patchbay/sign"))));
    assert!(parse("[vault.keys.1]\npath = \"x\"", &[]).is_err());
    assert!(parse("[vault.keys.1]", &[]).unwrap().hub().is_err());
}

#[test]
fn rate_limits_are_as_people_write_them_and_the_stores_password_is_not_shown() {
    let text = "[rate_limits]\nkey = \"100/s\"\norg = \"unlimited\"\nendpoints = { read = \"5/10s\" }\n\
                store = \"redis://:hunter2@cache:6379\"";
    let config = parse(text, &[("PATCHBAY__SERVER__TRUSTED_PROXIES", "10.0.0.0/8,192.0.2.1/32")]).unwrap();
    let rates = config.hub().unwrap().rates;
    let text = |rate: Option<patchbay_model::rate::Rate>| rate.map(|rate| rate.to_string());
    assert_eq!((text(rates.key), text(rates.org)), (Some("100/s".to_owned()), None));
    assert_eq!(rates.endpoints.len(), 1);
    assert_eq!(config.server.trusted_proxies.len(), 2);
    assert!(!format!("{config:?} {rates:?}").contains("hunter2"));
    let error = format!("{:#}", parse("[rate_limits]\nkey = \"many\"", &[]).unwrap_err());
    assert!(error.contains("6000/min"), "{error}");
    let error = format!("{:#}", parse("[rate_limits]\nstore = \"http://:hunter2@x\"", &[]).unwrap_err());
    assert!(error.contains("redis://") && !error.contains("hunter2"), "{error}");
}

#[test]
fn the_identity_providers_secret_comes_from_one_place_and_is_not_shown() {
    let text = "[oidc]\nissuer = \"https://id.example.com\"\nclient_id = \"hub\"\nallowed_domains = [\"Example.com\"]";
    let config = parse(text, &[("PATCHBAY__OIDC__CLIENT_SECRET", "canary")]).unwrap();
    let oidc = config.hub().unwrap().oidc.unwrap();
    assert_eq!(oidc.provider.client_secret.as_ref().unwrap().expose_secret(), "canary");
    assert_eq!(oidc.allowed_domains, ["example.com"]);
    assert!(oidc.provision.is_none());
    assert!(!format!("{config:?} {oidc:?}").contains("canary"));
    let twice = [("PATCHBAY__OIDC__CLIENT_SECRET", "a"), ("PATCHBAY__OIDC__CLIENT_SECRET_FILE", "b")];
    assert!(parse(text, &twice).unwrap().hub().is_err());
    let http = text.replace("https://", "http://");
    assert!(parse(&http, &[]).unwrap().hub().is_err());
}

#[test]
fn an_unknown_key_is_named() {
    let text = |result: Result<Config>| format!("{:#}", result.unwrap_err());
    assert!(text(parse("[server]\nlistn = \"x\"", &[])).contains("listn"));
    assert!(text(parse("[sever]\n", &[])).contains("sever"));
    assert!(text(parse("", &[("PATCHBAY__SERVER__LISTN", "x")])).contains("listn"));
}

#[test]
fn a_value_of_the_wrong_kind_is_refused_with_its_key() {
    let error = parse("[server]\nmax_connections = \"many\"", &[]).unwrap_err();
    assert!(format!("{error:#}").contains("max_connections"), "{error:#}");
}
