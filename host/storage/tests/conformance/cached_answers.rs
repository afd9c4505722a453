//! Answers that are kept: expiry by the caller's clock, who comes second, what goes first.

use patchbay_storage::{CachePut, CachedAnswer};
use uuid::Uuid;

use crate::{Store, store::plugin};

pub(crate) fn answer(store: &Store, key: u8, file: u128) -> CachedAnswer {
    CachedAnswer {
        plugin: plugin("elevenlabs"),
        key: [key; 32],
        file: Uuid::from_u128(file),
        headers: vec![("content-type".to_owned(), "audio/mpeg".to_owned()), ("x-odd".to_owned(), "\u{0}".to_owned())],
        size: 10 * u64::from(key),
        created_at: store.now(),
        expires_at: store.later(1_000),
        used_at: store.now(),
    }
}

pub async fn an_answer_is_read_back_until_it_expires(store: Store) {
    let (kept, eleven) = (answer(&store, 1, 1), plugin("elevenlabs"));
    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    assert_eq!(ours.cached_answers().put(&kept, None, store.now()).await.unwrap(), CachePut::Kept(None));
    assert_eq!(ours.cached_answers().get(&eleven, &kept.key, store.later(999)).await.unwrap(), Some(kept.clone()));
    assert_eq!(ours.cached_answers().get(&eleven, &kept.key, kept.expires_at).await.unwrap(), None);
    assert_eq!(ours.cached_answers().get(&plugin("openai"), &kept.key, store.now()).await.unwrap(), None);
    assert_eq!(ours.cached_answers().expired(store.later(999), 10).await.unwrap(), []);
    assert_eq!(ours.cached_answers().expired(kept.expires_at, 10).await.unwrap(), std::slice::from_ref(&kept));
    assert_eq!(tx.hub().orgs_with_expired_answers(store.later(999), 10).await.unwrap(), []);
    assert_eq!(tx.hub().orgs_with_expired_answers(kept.expires_at, 10).await.unwrap(), [store.ours]);
    let mut ours = tx.org(store.ours);
    assert!(ours.cached_answers().delete(&kept).await.unwrap());
    assert!(!ours.cached_answers().delete(&kept).await.unwrap());
}

pub async fn of_two_who_keep_an_answer_the_second_finds_it_kept(store: Store) {
    let (first, second) = (answer(&store, 1, 1), answer(&store, 1, 2));
    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    let mut answers = ours.cached_answers();
    assert_eq!(answers.put(&first, None, store.now()).await.unwrap(), CachePut::Kept(None));
    // who was interrupted does it again
    assert_eq!(answers.put(&first, None, store.now()).await.unwrap(), CachePut::Kept(None));
    assert_eq!(answers.put(&second, None, store.now()).await.unwrap(), CachePut::Taken);
    assert_eq!(answers.put(&second, Some(first.file), store.now()).await.unwrap(), CachePut::Kept(Some(first.file)));
    // what has expired is in nobody's way
    assert_eq!(answers.put(&first, None, first.expires_at).await.unwrap(), CachePut::Kept(Some(second.file)));
    assert!(!answers.delete(&second).await.unwrap(), "it is not there any more");
}

pub async fn what_was_not_used_for_longest_comes_first(store: Store) {
    let all: Vec<_> = (1..=3).map(|key| answer(&store, key, key.into())).collect();
    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    let mut answers = ours.cached_answers();
    for answer in &all {
        answers.put(answer, None, store.now()).await.unwrap();
    }
    let other = CachedAnswer { plugin: plugin("openai"), file: Uuid::from_u128(9), ..answer(&store, 4, 9) };
    answers.put(&other, None, store.now()).await.unwrap();
    answers.used(&all[0], store.later(5)).await.unwrap();
    answers.used(&all[0], store.later(4)).await.unwrap();
    let eleven = plugin("elevenlabs");
    assert_eq!(answers.total_bytes(Some(&eleven)).await.unwrap(), 60 + 3 * CachedAnswer::FILE);
    assert_eq!(answers.total_bytes(None).await.unwrap(), 100 + 4 * CachedAnswer::FILE);
    let found = answers.least_used(Some(&eleven), all[2].file, 10).await.unwrap();
    assert_eq!(found.iter().map(|found| found.file).collect::<Vec<_>>(), [all[1].file, all[0].file]);
    assert_eq!(found[1].used_at, store.later(5));
    assert_eq!(answers.least_used(None, all[2].file, 10).await.unwrap().len(), 3);
    assert_eq!(answers.least_used(None, all[2].file, 1).await.unwrap(), [all[1].clone()]);
}

pub async fn an_org_does_not_see_anothers_answers(store: Store) {
    let kept = answer(&store, 1, 1);
    let mut tx = store.database.begin().await.unwrap();
    tx.org(store.ours).cached_answers().put(&kept, None, store.now()).await.unwrap();
    let mut org = tx.org(store.theirs);
    let mut theirs = org.cached_answers();
    assert_eq!(theirs.get(&kept.plugin, &kept.key, store.now()).await.unwrap(), None);
    assert_eq!(theirs.total_bytes(None).await.unwrap(), 0);
    assert_eq!(theirs.least_used(None, Uuid::nil(), 10).await.unwrap(), []);
    assert_eq!(theirs.expired(kept.expires_at, 10).await.unwrap(), []);
    assert!(!theirs.delete(&kept).await.unwrap());
    theirs.used(&kept, store.later(5)).await.unwrap();
    let own = CachedAnswer { file: Uuid::from_u128(2), ..kept.clone() };
    assert_eq!(theirs.put(&own, None, store.now()).await.unwrap(), CachePut::Kept(None));
    let found = tx.org(store.ours).cached_answers().get(&kept.plugin, &kept.key, store.now()).await.unwrap();
    assert_eq!(found, Some(kept));
}
