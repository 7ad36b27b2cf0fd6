fn main() {
    let pool = aquifer::Pool::new();
    pool.scope(|scope| {
        let kept = scope.defer(|_| ()).ok();
        kept.unwrap().cancel();
    });
}
