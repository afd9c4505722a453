//! Deliveries as people look at them.

use patchbay_model::{EndpointId, delivery::DeliveryStatus};
use patchbay_storage::DeliveryFilter;
use uuid::Uuid;

use crate::{Store, deliveries::queue};

pub async fn deliveries_are_listed_by_endpoint_status_and_type(store: Store) {
    let (lane, all) = queue(&store, store.ours, 3).await;
    queue(&store, store.theirs, 1).await;
    let list = async |filter: DeliveryFilter| {
        let mut tx = store.database.read().await.unwrap();
        let found = tx.org(store.ours).deliveries().list(&filter).await.unwrap();
        found.deliveries.into_iter().map(|one| one.sequence).collect::<Vec<_>>()
    };
    let filter = DeliveryFilter { limit: 10, ..DeliveryFilter::default() };
    assert_eq!(list(filter.clone()).await, [3, 2, 1]);
    let ours = DeliveryFilter { endpoint: Some(lane.endpoint), ..filter.clone() };
    assert_eq!(list(DeliveryFilter { before: Some(all[2].id()), limit: 1, ..ours.clone() }).await, [2]);
    assert_eq!(list(DeliveryFilter { status: Some(DeliveryStatus::Succeeded), ..ours.clone() }).await, [] as [i64; 0]);
    assert_eq!(list(DeliveryFilter { kind: Some("other".to_owned()), ..ours.clone() }).await, [] as [i64; 0]);
    assert_eq!(
        list(DeliveryFilter { endpoint: Some(EndpointId(Uuid::nil())), ..filter.clone() }).await,
        [] as [i64; 0]
    );
    for (looked_at, upto) in [(2, Some(all[1].id())), (3, Some(all[0].id())), (4, None)] {
        let mut tx = store.database.read().await.unwrap();
        for filter in [&filter, &ours] {
            let rare = DeliveryFilter { kind: Some("other".to_owned()), looked_at: Some(looked_at), ..filter.clone() };
            assert_eq!(tx.org(store.ours).deliveries().list(&rare).await.unwrap().looked_upto, upto, "of {looked_at}");
        }
    }
}
