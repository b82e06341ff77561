// A client of gortsplib: "play", "record" or "talk", "tcp" or "udp", and a URL. It prints a line once twenty packets have
// come through; what it publishes and says is G.711. Or a camera that can be talked to: "camera" and an even port.
package main

import (
	"crypto/tls"
	"fmt"
	"os"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

func fail(err error) {
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
}

func main() {
	if os.Args[1] == "camera" {
		serve(os.Args[2])
		return
	}
	what, over, text := os.Args[1], os.Args[2], os.Args[3]
	url, err := base.ParseURL(text)
	fail(err)
	protocol := gortsplib.ProtocolTCP
	if over == "udp" {
		protocol = gortsplib.ProtocolUDP
	}
	client := gortsplib.Client{
		Scheme:    url.Scheme,
		Host:      url.Host,
		Protocol:  &protocol,
		TLSConfig: &tls.Config{InsecureSkipVerify: true},
	}
	if what == "talk" {
		talk(&client, url)
		return
	}
	if what == "play" {
		fail(client.Start())
		defer client.Close()
		described, _, err := client.Describe(url)
		fail(err)
		for _, media := range described.Medias {
			fmt.Println("profile", media.Profile)
		}
		fail(client.SetupAll(described.BaseURL, described.Medias))
		done := make(chan struct{})
		count, reports := 0, 0
		client.OnPacketRTPAny(func(_ *description.Media, _ format.Format, packet *rtp.Packet) {
			if count++; count == 20 {
				close(done)
			}
		})
		client.OnPacketRTCPAny(func(_ *description.Media, _ rtcp.Packet) { reports++ })
		_, err = client.Play(nil)
		fail(err)
		select {
		case <-done:
			fmt.Println("played, reports:", reports > 0)
		case <-time.After(20 * time.Second):
			fmt.Println("failed: packets", count)
		}
		return
	}
	media := &description.Media{
		Type:    description.MediaTypeAudio,
		Formats: []format.Format{&format.G711{PayloadTyp: 8, MULaw: false, SampleRate: 8000, ChannelCount: 1}},
	}
	described := &description.Session{Medias: []*description.Media{media}}
	fail(client.StartRecording(text, described))
	defer client.Close()
	fmt.Println("profile", media.Profile)
	for number := uint16(65500); ; number++ {
		payload := make([]byte, 160)
		payload[0] = byte(number)
		err := client.WritePacketRTP(media, &rtp.Packet{
			Header: rtp.Header{
				Version:        2,
				PayloadType:    8,
				SequenceNumber: number,
				Timestamp:      uint32(number) * 160,
				SSRC:           0x12345678,
			},
			Payload: payload,
		})
		fail(err)
		time.Sleep(20 * time.Millisecond)
	}
}
