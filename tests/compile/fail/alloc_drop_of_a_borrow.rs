fn main() {
    let text = String::from("outside");
    let pool = aquifer::Pool::new();
    let _ = pool.alloc_drop(vec![&text]);
}
