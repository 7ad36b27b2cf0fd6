fn main() {
    let text = String::from("outside");
    let pool = aquifer::Pool::new();
    pool.scope(|scope| {
        let _ = scope.alloc_drop(vec![&text]);
    });
}
