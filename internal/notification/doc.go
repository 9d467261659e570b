// Package notification has the words of notifications, the messages by which Stoker tells its users what has
// happened: events, the endpoints that receive them, deliveries, secrets, and the rules of all of these. It reads and
// writes nothing.
//
// What a receiver gets is a Standard Webhook (https://www.standardwebhooks.com). The word webhook stands for
// the platform's deliveries to Stoker everywhere else.
package notification
